/* Slides that fit: what does not, goes on a further slide under the same heading.

   It lays the page out before reveal.js shows it, with formulas typeset and pictures loaded. Figures
   take what the text leaves of their slide; where that is too little, the slide is split between
   paragraphs, code and outputs. Only what fills a slide alone is split inside, or made smaller. */

const SMALLEST = 0.75; // of a figure's own size, else it goes on a further slide
const LARGEST = 1.4;
const HEADINGS = "h1, h2, h3, h4";
const WHOLE = ".jp-Editor, .jp-RenderedText, .jp-RenderedImage";

const bottom = (element) => element.getBoundingClientRect().bottom;
const shown = (element) => element.getClientRects().length > 0;

/** Where the content of a slide has to end. */
const end = (slide) => bottom(slide) - parseFloat(getComputedStyle(slide).paddingBottom);

/** What a slide is made of, from top to bottom: nothing of it is split, unless it is too high. */
function blocks(slide, element = slide) {
  const room = slide.clientHeight;
  return [...element.children].flatMap((child) => {
    if (child.matches("aside") || !shown(child)) return [];
    const tall = child.offsetHeight > room && child.matches("ul, ol, table, tbody");
    const opens = tall || (child.matches("div") && !child.matches(WHOLE));
    return opens ? blocks(slide, child) : [child];
  });
}

const fits = (slide) => blocks(slide).every((block) => bottom(block) <= end(slide));

/** Give figures a share of their own size, none more than the slide's width. */
function scale(slide, share) {
  for (const image of slide.querySelectorAll("img")) {
    const widest = image.parentElement.clientWidth / image.naturalWidth;
    image.style.height = `${Math.min(share, widest) * image.naturalHeight}px`;
  }
}

/** Make something as large as it fits, between two sizes; false where even the least does not. */
function fit(slide, resize, least, most) {
  resize(slide, most);
  if (fits(slide)) return true;
  for (let step = 0; step < 6; step++) {
    const middle = (least + most) / 2;
    resize(slide, middle);
    if (fits(slide)) least = middle;
    else most = middle;
  }
  resize(slide, least);
  return fits(slide);
}

/** The block that a further slide begins with; undefined where there is only one. */
function tooMuch(slide) {
  const all = blocks(slide);
  const told = (at) => all.slice(0, at).some((block) => !block.matches(HEADINGS));
  let at = all.findIndex((block) => bottom(block) > end(slide));
  // A cell's code stays with what it shows, where one slide holds both.
  const code = all.findIndex((block) => all[at].closest(".jp-CodeCell")?.contains(block));
  if (code >= 0 && told(code)) {
    const height = bottom(all[at]) - all[code].getBoundingClientRect().top;
    if (height < end(slide) - all[1].getBoundingClientRect().top) at = code;
  }
  while (told(at - 1) && all[at - 1].matches(HEADINGS)) at -= 1;
  return all.slice(at).find((block) => told(all.indexOf(block)));
}

/** Move a block, and all that follows it, to a further slide. */
function split(slide, block) {
  const leads = ({ parentElement: { children } }) => [...children].find(shown) === block;
  while (block.parentElement !== slide && leads(block)) block = block.parentElement;
  const range = document.createRange();
  range.setStartBefore(block);
  range.setEndAfter(slide.lastElementChild);
  const further = slide.cloneNode(false);
  further.append(range.extractContents());
  slide.append(...further.querySelectorAll("aside")); // its notes; the others get copies
  slide.after(further);
  for (const twin of further.querySelectorAll("[id]")) {
    if (document.getElementById(twin.id) !== twin) twin.removeAttribute("id");
  }
  return further;
}

/** Repeat the heading that a slide without one stands under, and return the slide's last. */
function title(slide, heading) {
  const own = slide.querySelectorAll(HEADINGS);
  if (own.length > 0) return own[own.length - 1];
  if (heading) {
    const again = document.createElement("h2");
    again.className = "again";
    again.append(...heading.cloneNode(true).childNodes);
    again.querySelector(".anchor-link")?.remove();
    slide.prepend(again);
  }
  return heading;
}

const narrow = (slide) => {
  for (const table of slide.querySelectorAll("table")) {
    table.style.zoom = Math.min(1, table.parentElement.clientWidth / table.scrollWidth);
  }
};

const zoom = (slide, share) => {
  for (const block of blocks(slide)) if (!block.matches(HEADINGS)) block.style.zoom = share;
};

/** Lay out a slide, and what it leaves over; returns its last heading. */
function layOut(slide, heading) {
  const last = title(slide, heading);
  narrow(slide);
  if (fit(slide, scale, SMALLEST, LARGEST)) return last;
  const block = tooMuch(slide);
  if (block) {
    const further = split(slide, block);
    return layOut(further, layOut(slide, heading));
  }
  if (!fit(slide, scale, 0.3, SMALLEST)) fit(slide, zoom, 0.3, 1);
  return last;
}

/** Let the speaker see a section's notes on each of its slides. */
function keepNotes() {
  let notes = null;
  for (const slide of document.querySelectorAll(".slides > section > section")) {
    const own = slide.querySelector("aside");
    if (own) notes = own;
    else if (notes) slide.append(notes.cloneNode(true));
  }
}

/** Lay out all slides, in order. */
async function pages() {
  if (document.readyState !== "complete") await new Promise((done) => (window.onload = done));
  await window.MathJax?.startup?.promise;
  let heading = null;
  for (const slide of document.querySelectorAll(".slides > section > section")) {
    heading = layOut(slide, heading);
  }
  keepNotes();
  document.documentElement.classList.remove("laying-out");
}
