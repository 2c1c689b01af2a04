// Lets this browser be told by the hub. All else on these pages works without a script.
"use strict";

for (const box of document.querySelectorAll("[data-push-key]")) offer(box);

function offer(box) {
  const button = box.querySelector("button");
  const field = box.querySelector("input[name=push]");
  const say = (what) => {
    for (const one of box.querySelectorAll("[data-says]")) one.hidden = one.dataset.says !== what;
  };
  if (!("serviceWorker" in navigator && "PushManager" in window)) {
    if (!/iPhone|iPad/.test(navigator.userAgent)) return;
    button.hidden = true; // an iPhone can only from its home screen
    say("home");
  }
  if (field.value) say("done"); // the form came back for another reason
  box.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      field.value = JSON.stringify(await subscribe(box.dataset.pushKey));
      say("done");
      if (button.dataset.sends) return field.form.requestSubmit();
    } catch (error) {
      say(Notification.permission === "denied" ? "denied" : "failed");
    }
    button.disabled = false;
  });
}

async function subscribe(key) {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("not allowed");
  await navigator.serviceWorker.register("/worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const asked = { userVisibleOnly: true, applicationServerKey: key };
  try {
    return await pushManager.subscribe(asked);
  } catch (error) {
    const before = await pushManager.getSubscription();
    if (!before) throw error;
    await before.unsubscribe(); // it was for another key of the hub
    return await pushManager.subscribe(asked);
  }
}
