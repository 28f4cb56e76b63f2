// The board: a card is taken to another column.

import { all, on } from './app.js';

let card = null;
const columnOf = (event) => card && event.target.closest?.('.board .column[data-value]');
const mark = (over) => all('.board .column').forEach((column) => column.classList.toggle('over', column === over));

on('dragstart', (event) => {
  card = event.target.closest?.('.board .task-card[draggable=true]');
  if (!card) return;
  const box = card.getBoundingClientRect();
  event.dataTransfer.effectAllowed = 'move';
  event.dataTransfer.setData('text/plain', card.id);
  // Taken by its link, the whole card moves all the same.
  event.dataTransfer.setDragImage(card, event.clientX - box.left, event.clientY - box.top);
  card.classList.add('dragging');
});

on('dragover', (event) => {
  if (!card) return;
  const column = columnOf(event);
  mark(column);
  if (column) event.preventDefault();
});

on('drop', (event) => {
  const column = columnOf(event);
  if (!column) return;
  event.preventDefault();
  const form = card.querySelector('form.move');
  const select = form?.querySelector('select');
  if (!select || column.contains(card)) return;
  select.value = column.dataset.value;
  if (select.value) form.requestSubmit();
});

on('dragend', () => {
  card?.classList.remove('dragging');
  card = null;
  mark(null);
});
