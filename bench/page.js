// Reading a percentile from the curves: with the pointer, or with the slider, which has the keyboard.
for (const reading of document.querySelectorAll(".reading")) {
  const plot = reading.previousElementSibling, box = plot.querySelector(".box");
  const slider = reading.querySelector("input"), output = reading.querySelector("output");
  const picks = [...reading.querySelectorAll("li")].map(li => ({ at: +li.dataset.at, name: li.textContent }));
  const cursor = document.createElement("i");
  cursor.className = "cursor";
  box.append(cursor);

  const show = () => {
    const pick = picks[slider.value];
    cursor.style.left = pick.at + "%";
    slider.setAttribute("aria-valuetext", pick.name);
    const name = document.createElement("b");
    name.textContent = pick.name + ", µs";
    output.replaceChildren(name);
    for (const curve of box.querySelectorAll("g")) {
      if (getComputedStyle(curve).display === "none") continue;
      const figure = document.createElement("span");
      figure.className = curve.getAttribute("class");
      figure.textContent = curve.dataset.name + " " + curve.dataset.values.split(" ")[slider.value];
      output.append(figure);
    }
  };
  slider.max = picks.length - 1;
  slider.addEventListener("input", show);
  box.addEventListener("pointermove", e => {
    const { left, width } = box.getBoundingClientRect();
    const distance = pick => Math.abs(pick.at - (e.clientX - left) / width * 100);
    slider.value = picks.reduce((best, pick, i) => distance(pick) < distance(picks[best]) ? i : best, 0);
    show();
  });
  document.querySelector(".choices").addEventListener("change", show);
  reading.hidden = false;
  slider.value = Math.max(0, picks.findIndex(pick => pick.name === "99 %"));
  show();
}
