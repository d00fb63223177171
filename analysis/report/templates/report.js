// A click on a column's heading sorts the table by it; a second click reverses the order.
document.querySelectorAll("th").forEach(head => head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const turn = head.dataset.turn === "1" ? -1 : 1;
  head.parentNode.querySelectorAll("th").forEach(other => delete other.dataset.turn);
  head.dataset.turn = String(turn);
  const key = row => { const text = row.cells[column].textContent, number = parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(number) ? text : number; };
  const order = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  [...body.rows].sort((a, b) => turn * order(key(a), key(b))).forEach(row => body.appendChild(row));
}));
