// Predictions answer without a kernel. The first one counts, as in the notebook.
for (const form of document.querySelectorAll("form.prediction")) {
  const button = form.querySelector("button");
  const answer = document.getElementById(form.dataset.answer);
  button.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.ariaDisabled) return;
    const chosen = form.querySelector("input:checked");
    const said = chosen.closest("label").textContent.trim();
    const right = chosen.value === form.dataset.right;
    const verdict = right ? "As you predicted." : `You predicted: ${said}.`;
    const told = answer.querySelector("p").textContent;
    form.querySelector("output").textContent = `${verdict} ${told}`;
    for (const input of form.querySelectorAll("input")) {
      input.disabled = input !== chosen; // this one keeps the keyboard's place
      const truth = input.value === form.dataset.right;
      input.closest("label").classList.toggle("right", truth);
    }
    // Not disabled: whoever pressed it by keyboard would be thrown out of the page.
    button.ariaDisabled = "true";
    button.textContent = "Locked in";
    answer.open = true;
  });
}
