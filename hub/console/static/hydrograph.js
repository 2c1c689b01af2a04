// Hydrographs: the level against its named thresholds, rain hanging from the top, doubtful values drawn as such.
"use strict";
const hydrographs = (() => {
  const HOUR = 3600000;
  const SUSPECT = 3, FAIL = 4, MISSING = 9;
  const RAIN_LEAST = { "10m": 5, "1h": 10, "1d": 50 };
  const RAIN_SHARE = 0.3; // of the height, from the top
  const page = JSON.parse(document.getElementById("rivers-data").textContent);
  const english = document.documentElement.lang === "en";
  const ahead = page.now - Date.now(); // the hub's clock and this one's
  const now = () => Date.now() + ahead;
  const time = new Intl.DateTimeFormat("en-GB", {
    timeZone: page.zone, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const metres = (value) => `${value.toFixed(2).replace("-0.00", "0.00")} m`;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // On the site's wall: {day: "11/22", clock: "21:07"}.
  function moment(at) {
    const parts = {};
    for (const part of time.formatToParts(at)) parts[part.type] = part.value;
    return { day: `${parts.month}/${parts.day}`, clock: `${parts.hour}:${parts.minute}` };
  }

  async function ask(path, asked) {
    const answer = await fetch(`/api/v1/${path}?${new URLSearchParams(asked)}`);
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  class Hydrograph {
    constructor(box, river) {
      this.river = river;
      this.plot = box.querySelector(".plot");
      this.pick = box.querySelector(".pick");
      this.input = box.querySelector(".pick input");
      this.readout = box.querySelector(".readout");
      this.said = box.querySelector(".said");
      this.keys = box.querySelector(".keys");
      this.at = []; this.value = []; this.flag = [];
      this.edges = []; this.mm = []; this.rainFlag = [];
      this.shown = null; // what the reader has chosen; null: the newest
      this.busy = false; this.asked = -Infinity;
      this.input.addEventListener("input", () => this.choose(Number(this.input.value)));
    }

    get from() { return this.to - page.hours * HOUR; }

    async load() {
      if (this.busy) return;
      this.busy = true;
      if (!this.chart) this.said.textContent = page.words.loading;
      try {
        await this.fetchNew();
        this.said.textContent = this.at.length ? "" : page.words.empty;
        this.draw();
      } catch {
        this.fails();
      } finally {
        this.busy = false;
        this.asked = performance.now();
      }
    }

    fails() {
      const again = document.createElement("button");
      again.type = "button";
      again.textContent = page.words.again;
      again.addEventListener("click", () => this.load());
      this.said.replaceChildren(page.words.failed, " ", again);
    }

    // A report may come late: the last hour is asked for again.
    async fetchNew() {
      const to = Math.round(now());
      const from = to - page.hours * HOUR;
      const last = this.at.at(-1);
      const since = last === undefined ? from : Math.max(from, last - HOUR);
      const rained = this.edges.length > 2 ? Math.max(from, this.edges.at(-3)) : from;
      const points = Math.min(2000, Math.max(300, Math.round(this.plot.parentElement.clientWidth * 2)));
      const [level, rain] = await Promise.all([
        ask("readings", { device: this.river.device, quantity: "level_m", since, points }),
        this.river.rain ? ask("rain", { device: this.river.rain, since: rained, step: page.step }) : null,
      ]);
      this.to = to;
      const kept = this.at.findIndex((at) => at >= since);
      const keep = (column, fresh) => column.slice(0, kept < 0 ? column.length : kept).concat(fresh);
      [this.value, this.flag, this.at] = [keep(this.value, level.value), keep(this.flag, level.flag), keep(this.at, level.at)];
      const old = this.at.findIndex((at) => at >= from);
      if (old > 0) for (const column of [this.at, this.value, this.flag]) column.splice(0, old);
      if (rain) this.takeRain(rain);
    }

    takeRain(rain) {
      const kept = this.edges.indexOf(rain.edge_at[0]);
      const n = kept < 0 ? 0 : kept;
      this.edges = this.edges.slice(0, n).concat(rain.edge_at);
      this.mm = this.mm.slice(0, n).concat(rain.mm);
      this.rainFlag = this.rainFlag.slice(0, n).concat(rain.flag);
    }

    get data() {
      const usable = this.value.map((value, i) => (this.flag[i] < FAIL ? value : null));
      return [this.at, usable, this.at.map(() => null)];
    }

    get rainTop() {
      const most = Math.max(RAIN_LEAST[page.step], ...this.mm.filter((mm) => mm !== null));
      const unit = 10 ** Math.floor(Math.log10(most));
      return [1, 1.5, 2, 3, 4, 6, 8, 10].map((n) => n * unit).find((top) => top >= most);
    }

    // The thresholds, the water, and above them room for the rain.
    range() {
      const levels = this.river.thresholds.map((one) => one.at_m);
      for (const value of this.data[1]) if (value !== null) levels.push(value);
      let low = Math.min(...levels), high = Math.max(...levels);
      if (!levels.length) [low, high] = [0, 1];
      const room = Math.max(high - low, 0.2);
      low -= 0.06 * room;
      high += 0.06 * room;
      return [low, this.river.rain ? low + (high - low) / (1 - RAIN_SHARE - 0.04) : high];
    }

    draw() {
      this.plot.hidden = this.keys.hidden = false;
      this.pick.hidden = this.at.length < 2;
      this.readout.hidden = !this.at.length;
      if (this.chart) this.chart.setData(this.data);
      else this.make();
      this.input.max = Math.max(0, this.at.length - 1);
      this.say(this.index);
    }

    get size() {
      const width = Math.max(240, this.plot.clientWidth);
      return { width, height: Math.round(Math.min(420, Math.max(320, width * 0.45))) };
    }

    make() {
      const ink = () => colour("--ink");
      const axis = { stroke: ink, grid: { stroke: () => colour("--grid"), width: 1 }, ticks: { stroke: () => colour("--grid") }, font: "13px system-ui, sans-serif" };
      const rainAxis = {
        ...axis, scale: "mm", side: 1, size: 38, grid: { show: false },
        splits: () => [0, this.rainTop / 2, this.rainTop], values: (_, splits) => splits.map((mm) => String(mm)),
      };
      this.chart = new uPlot(
        {
          ...this.size,
          ms: 1,
          tzDate: (at) => uPlot.tzDate(new Date(at), page.zone),
          legend: { show: false },
          padding: [6, this.river.rain ? 0 : 24, 0, 0],
          cursor: { drag: { x: false, y: false }, y: false, points: { size: 9, fill: () => colour("--water") } },
          scales: {
            x: { time: true, range: () => [this.from, this.to] },
            m: { range: () => this.range() },
            mm: { dir: -1, range: () => [0, this.rainTop / RAIN_SHARE] },
          },
          axes: [
            { ...axis, space: 62, size: 34, values: (_, splits, __, ___, step) => splits.map((at) => this.tick(at, step)) },
            { ...axis, scale: "m", size: 46, values: (_, splits) => splits.map((m) => String(+m.toFixed(2))) },
            ...(this.river.rain ? [rainAxis] : []),
          ],
          series: [
            {},
            { scale: "m", stroke: () => colour("--water"), width: 2.5, points: { show: (u) => u.data[0].length < 60, size: 5, fill: () => colour("--water") } },
            { scale: "mm", paths: () => null, points: { show: false } },
          ],
          hooks: {
            drawAxes: [(u) => this.beneath(u)],
            draw: [(u) => this.marks(u), (u) => this.names(u)],
            setCursor: [(u) => this.say(u.cursor.idx ?? this.index)],
          },
        },
        this.data,
        this.plot,
      );
      this.follow();
      new ResizeObserver(() => this.fit()).observe(this.plot);
      this.fit();
    }

    tick(at, step) {
      const { day, clock } = moment(at);
      return step >= 24 * HOUR || clock === "00:00" ? day : clock;
    }

    fit() {
      const size = this.size;
      if (size.width !== this.chart.width || size.height !== this.chart.height) this.chart.setSize(size);
      this.pick.style.marginInlineStart = `${this.chart.over.offsetLeft - 8}px`;
      this.pick.style.inlineSize = `${this.chart.over.clientWidth + 16}px`;
    }

    // A finger that moves sideways reads; up and down it scrolls the page.
    follow() {
      const over = this.chart.over;
      const move = (event) => {
        if (event.pointerType === "mouse") return;
        const box = over.getBoundingClientRect();
        this.chart.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top });
        this.shown = this.at[this.chart.cursor.idx] ?? null;
      };
      over.addEventListener("pointerdown", move);
      over.addEventListener("pointermove", move);
    }

    // --- what is drawn ---------------------------------------------------------------------------

    inside(u, paint) {
      const { left, top, width, height } = u.bbox;
      u.ctx.save();
      u.ctx.beginPath();
      u.ctx.rect(left, top, width, height);
      u.ctx.clip();
      paint(u.ctx, uPlot.pxRatio, u.bbox);
      u.ctx.restore();
    }

    // Under the water: where there is no value, the rain, the thresholds.
    beneath(u) {
      this.inside(u, (ctx, px, box) => {
        this.gaps(u, ctx, px, box);
        this.rain(u, ctx, px, box);
        for (const one of this.river.thresholds) {
          const y = Math.round(u.valToPos(one.at_m, "m", true));
          const paint = getComputedStyle(this.name(u, one)).getPropertyValue("--lv").trim();
          for (const [stroke, width] of [[colour("--ink"), 4.5], [paint, 3]]) {
            ctx.strokeStyle = stroke;
            ctx.lineWidth = width * px;
            ctx.beginPath();
            ctx.moveTo(box.left, y);
            ctx.lineTo(box.left + box.width, y);
            ctx.stroke();
          }
        }
      });
    }

    gaps(u, ctx, px, box) {
      ctx.strokeStyle = colour("--gone");
      ctx.lineWidth = 2 * px;
      this.flag.forEach((flag, i) => {
        if (flag !== MISSING) return;
        const near = (at) => Math.round(u.valToPos(at, "x", true));
        const left = near(this.at[Math.max(0, i - 1)]), right = near(this.at[Math.min(i + 1, this.at.length - 1)]);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, box.top, Math.max(right - left, 2 * px), box.height);
        ctx.clip();
        ctx.beginPath();
        for (let x = left - box.height; x < right; x += 8 * px) {
          ctx.moveTo(x, box.top + box.height);
          ctx.lineTo(x + box.height, box.top);
        }
        ctx.stroke();
        ctx.restore();
      });
    }

    rain(u, ctx, px, box) {
      if (!this.river.rain) return;
      this.mm.forEach((mm, i) => {
        const left = u.valToPos(this.edges[i], "x", true), right = u.valToPos(this.edges[i + 1], "x", true);
        if (mm === null) {
          ctx.fillStyle = colour("--gone");
          ctx.fillRect(left, box.top, right - left, 4 * px);
        } else if (mm > 0) {
          const bar = [left + px / 2, box.top, Math.max(px, right - left - px), u.valToPos(mm, "mm", true) - box.top];
          ctx.fillStyle = ctx.strokeStyle = colour("--rain");
          ctx.lineWidth = 2 * px;
          if (this.rainFlag[i] < SUSPECT || this.rainFlag[i] === MISSING) ctx.fillRect(...bar);
          else ctx.strokeRect(...bar);
        }
      });
    }

    marks(u) {
      this.inside(u, (ctx, px, box) => {
        ctx.lineWidth = 2 * px;
        this.flag.forEach((flag, i) => {
          if (this.value[i] === null || (flag !== SUSPECT && flag !== FAIL)) return;
          const x = u.valToPos(this.at[i], "x", true), r = 4.5 * px;
          const y = Math.min(box.top + box.height - r, Math.max(box.top + r, u.valToPos(this.value[i], "m", true)));
          ctx.beginPath();
          if (flag === SUSPECT) {
            ctx.strokeStyle = colour("--doubt");
            ctx.fillStyle = colour("--paper");
            ctx.arc(x, y, r, 0, 2 * Math.PI);
            ctx.fill();
          } else {
            ctx.strokeStyle = colour("--wrong");
            for (const slope of [-1, 1]) {
              ctx.moveTo(x - r, y - slope * r);
              ctx.lineTo(x + r, y + slope * r);
            }
          }
          ctx.stroke();
        });
      });
    }

    name(u, one) {
      const there = u.over.querySelector(`.line-name[data-key="${one.key}"]`);
      if (there) return there;
      const label = document.createElement("div");
      label.className = `line-name ${one.look}`;
      label.dataset.key = one.key;
      label.textContent = `${metres(one.at_m)} ${one.name}`;
      u.over.append(label);
      return label;
    }

    // Each name on its line; where lines are close they stand one above the other.
    names(u) {
      const labels = this.river.thresholds.map((one) => ({ one, label: this.name(u, one) })).reverse();
      let below = -Infinity;
      const tops = labels.map(({ one, label }) => {
        const top = Math.max(u.valToPos(one.at_m, "m") - label.offsetHeight - 2, below + 2, 0);
        below = top + label.offsetHeight;
        return top;
      });
      let limit = u.over.clientHeight;
      for (let i = labels.length - 1; i >= 0; i -= 1) {
        tops[i] = Math.min(tops[i], limit - labels[i].label.offsetHeight);
        limit = tops[i] - 2;
        labels[i].label.style.top = `${tops[i]}px`;
      }
    }

    // --- what is read ----------------------------------------------------------------------------

    get index() {
      const newest = this.at.length - 1;
      if (this.shown === null) return newest;
      const found = this.at.findIndex((at) => at >= this.shown);
      return found < 0 ? newest : found;
    }

    choose(index) {
      this.shown = index >= this.at.length - 1 ? null : this.at[index];
      const middle = this.chart.over.clientHeight / 2;
      this.chart.setCursor({ left: this.chart.valToPos(this.at[index], "x"), top: middle }, false);
      this.say(index);
    }

    say(index) {
      if (index < 0 || this.at[index] === undefined) return;
      const at = this.at[index], flag = this.flag[index], value = this.value[index];
      const { day, clock } = moment(at);
      const words = [`${day} ${clock}`, value === null ? page.words.missing : metres(value)];
      if (value !== null && flag >= SUSPECT) words.push(page.flags[flag]);
      const rain = this.rainAt(at);
      if (rain) words.push(rain);
      const text = words.join(english ? ", " : "、");
      if (this.readout.textContent !== text) this.readout.textContent = text;
      this.input.value = index;
      this.input.setAttribute("aria-valuetext", text);
    }

    rainAt(at) {
      const i = this.edges.findIndex((edge, n) => edge < at && at <= this.edges[n + 1]);
      if (i < 0 || this.mm[i] === null) return "";
      const [start, end] = [moment(this.edges[i]), moment(this.edges[i + 1])];
      const when = page.step === "1d" ? start.day : `${start.clock}–${end.clock}`;
      return `${page.words.rain} ${this.mm[i].toFixed(1)} mm (${when})`;
    }
  }

  return { Hydrograph, page, now, fill };
})();
