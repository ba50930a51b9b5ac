// The probe measures the page as it is drawn and uses its controls as a reader would. What it finds goes
// to the frame around the page.
const errors = [];
addEventListener("error", e => errors.push(e.message));
addEventListener("securitypolicyviolation", e => errors.push(e.violatedDirective));
addEventListener("load", () => {
  const shown = e => e.getClientRects().length > 0;
  const rect = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const curves = () => [...document.querySelectorAll(".plot g")].filter(shown).map(g => {
    const line = g.querySelector(".line"), style = getComputedStyle(line);
    return {
      Plot: g.closest(".timeline") ? "timeline" : "curves", Name: g.dataset.name, Section: g.closest("section").querySelector("h2").textContent,
      Length: line.getTotalLength(), Line: rect(line), Box: rect(g.closest(".box")),
      Stroke: style.stroke, Width: style.strokeWidth, Dash: style.strokeDasharray,
    };
  });
  // Contrast as WCAG has it, of texts and lines against the paper.
  const channels = text => text.match(/[\d.]+/g).map(Number);
  const luminance = text => channels(text).slice(0, 3).map(c => c / 255)
    .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((a, b) => a - b);
    return (high + .05) / (low + .05);
  };
  const texts = {};
  for (const e of document.querySelectorAll("h1, h2, h2 span, p, b, dt, dd, legend, label, figcaption, .axis span, .unit, th, td, output span")) {
    if (shown(e) && e.textContent.trim()) texts[e.tagName + "." + e.className] = contrast(getComputedStyle(e).color, behind(e));
  }
  const lines = [...document.querySelectorAll(".plot .line")].filter(shown).map(e => contrast(getComputedStyle(e).stroke, behind(e)));
  const reading = () => [...document.querySelectorAll(".reading output")].find(shown).textContent;
  const names = () => [...new Set(curves().filter(c => c.Plot === "curves").map(c => c.Name))];
  const label = text => [...document.querySelectorAll(".choices label")].find(l => l.textContent.trim() === text);

  const found = {
    Paper: getComputedStyle(document.body).backgroundColor, Title: document.title,
    Overflow: document.documentElement.scrollWidth - innerWidth,
    Curves: curves(), Texts: texts, Lines: lines, Reading: reading(),
  };
  const slider = [...document.querySelectorAll(".reading input")].find(shown);
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
  found.ReadingAtFirst = reading();
  const box = document.querySelector(".curves .box"), at = box.getBoundingClientRect();
  box.dispatchEvent(new PointerEvent("pointermove", { clientX: at.right, clientY: at.top + 9, bubbles: true }));
  found.ReadingAtRight = reading();
  label("spin").click();
  found.WithoutSpin = names();
  found.ReadingWithoutSpin = reading();
  label("spin").click();
  label("in to out").click();
  found.Routed = names();
  found.Caption = [...document.querySelectorAll("figcaption")].find(shown).textContent;
  const controls = document.querySelectorAll(".choices input, .reading input");
  found.Unfocusable = [...controls].filter(c => shown(c) && (c.focus(), document.activeElement !== c)).length;
  found.Unnamed = [...controls].filter(c => !c.labels.length).length;
  found.Errors = errors;
  parent.postMessage(JSON.stringify(found), "*");
});
