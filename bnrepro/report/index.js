// Filters of the index. Without it everything is listed; it only hides what was not asked for.
"use strict";
(() => {
  const filters = document.getElementById("filters");
  if (!filters) return;
  const selects = [...filters.querySelectorAll("select")];
  const parts = [...document.querySelectorAll(".part")];

  const apply = () => {
    const asked = Object.fromEntries(selects.map((select) => [select.name, select.value]));
    const fits = (line) =>
      (!asked.scale || line.dataset.scale === asked.scale) && (!asked.verdict || line.dataset.verdict === asked.verdict);
    let shown = 0;
    let all = 0;
    for (const part of parts) {
      const wanted = !asked.section || part.id === asked.section;
      let inPart = 0;
      for (const claim of part.querySelectorAll(".claim")) {
        const lines = [...claim.querySelectorAll(".line")];
        for (const line of lines) line.hidden = !fits(line);
        claim.hidden = !wanted || lines.every((line) => line.hidden);
        inPart += claim.hidden ? 0 : 1;
        all += 1;
      }
      part.hidden = inPart === 0;
      shown += inPart;
    }
    document.getElementById("none-shown").hidden = shown > 0;
    document.getElementById("shown").textContent = `${shown} of ${all} claims`;
  };

  filters.querySelector("button").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    apply();
  });
  filters.addEventListener("change", apply);
  // A browser that comes back to the page has put the choices back, but not what they hide.
  addEventListener("pageshow", apply);
  filters.hidden = false;
  apply();
})();
