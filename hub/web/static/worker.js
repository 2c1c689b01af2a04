// Shows what the hub pushes, as hub/notify/sending/push.py writes it, and opens its page at a tap.
"use strict";

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  const said = event.data.json();
  event.waitUntil(
    self.registration.showNotification(said.title, {
      body: said.body,
      tag: said.tag,
      renotify: true,
      data: { link: said.link },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { link } = event.notification.data;
  if (link) event.waitUntil(self.clients.openWindow(link));
});
