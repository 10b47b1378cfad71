// Elements, text that comes from a log, the rows of entries, the list of them.

import { counted, wholeText } from './query.js';

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, className = '', ...children) {
	const element = document.createElement(tag);
	if (className) element.className = className;
	element.append(...children);
	return element;
}

/** @param {string} label @param {() => void} action @param {string} [className] */
export function button(label, action, className = '') {
	const element = el('button', className, label);
	element.type = 'button';
	element.addEventListener('click', action);
	return element;
}

/** @template {keyof Parts} I @param {I} id @returns {Parts[I]} */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/** @param {Element} within @param {string} selector */
export function focusOn(within, selector) {
	const found = within.querySelector(selector);
	if (found instanceof HTMLElement) found.focus({ preventScroll: true });
}

// Text of a log: only ever as text, with what can't be seen shown.
// Control and format characters (bidi ones, too), line separators, what has no width, lone surrogates; U+2800 and
// the Hangul fillers look like spaces. Tab and newline are the layout's.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}\u2800]/u;
const PIECES = /[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}\u2800]+|[\t\n]+|[^]/gu;

/** @param {string} c */
const codeOf = (c) => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** @param {Node} to @param {string} text */
function appendSeen(to, text) {
	if (!UNSEEN.test(text)) {
		to.appendChild(document.createTextNode(text));
		return;
	}
	let before = '';
	for (const [piece] of text.matchAll(PIECES)) {
		const seen = !UNSEEN.test(piece) || piece[0] === '\t' || piece[0] === '\n' ||
			// The picture form of the character before it: 🛠️
			(piece === '\ufe0f' && /\p{Emoji}$/u.test(before));
		if (seen) {
			to.appendChild(document.createTextNode(piece));
		} else {
			const span = document.createElement('span');
			span.className = 'unseen';
			span.textContent = `‹${codeOf(piece)}›`;
			to.appendChild(span);
		}
		before = piece;
	}
}

/**
 * Marks: pairs of where a hit begins and ends, in order, none within another.
 * @param {Node} to
 * @param {string} text
 * @param {number[]} [marks]
 */
export function append(to, text, marks = []) {
	let from = 0;
	for (let i = 0; i < marks.length && marks[i] < text.length; i += 2) {
		if (marks[i] > from) appendSeen(to, text.slice(from, marks[i]));
		const mark = document.createElement('mark');
		appendSeen(mark, text.slice(marks[i], marks[i + 1]));
		to.appendChild(mark);
		from = marks[i + 1];
	}
	if (from < text.length) appendSeen(to, text.slice(from));
}

/** @param {Element} to @param {string} text @param {number[]} [marks] */
export function put(to, text, marks = []) {
	const { firstChild } = to;
	if (firstChild instanceof Text && !firstChild.nextSibling && !marks.length && !UNSEEN.test(text)) {
		firstChild.data = text;
	} else {
		to.textContent = '';
		append(to, text, marks);
	}
}

/** @param {string} text */
export function seen(text) {
	return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}\u2800]/gu, (c) => `‹${codeOf(c)}›`);
}

/** @type {{close: () => void, anchor: HTMLElement} | null} */
let current = null;
// A press on the button closes its popup: the click that follows must not open it again.
/** @type {{anchor: HTMLElement, at: number} | null} */
let closed = null;

/** @param {HTMLElement} anchor @param {string} label @param {(close: () => void) => HTMLElement} build */
export function popup(anchor, label, build) {
	const again = current?.anchor === anchor || (closed?.anchor === anchor && performance.now() - closed.at < 400);
	current?.close();
	closed = null;
	if (again) return;
	const box = el('div', 'popup');
	box.popover = 'auto';
	box.role = 'dialog';
	box.ariaLabel = label;
	const close = () => box.hidePopover();
	box.append(build(close));
	box.addEventListener('beforetoggle', (e) => {
		if (/** @type {ToggleEvent} */ (e).newState === 'closed' && anchor.matches(':hover, :active')) {
			closed = { anchor, at: performance.now() };
		}
	});
	box.addEventListener('toggle', (e) => {
		if (/** @type {ToggleEvent} */ (e).newState === 'open') return;
		const inside = box.contains(document.activeElement) || document.activeElement === document.body;
		box.remove();
		if (anchor.hasAttribute('aria-haspopup')) anchor.ariaExpanded = 'false';
		if (inside && anchor.isConnected) anchor.focus({ preventScroll: true });
		if (current?.anchor === anchor) current = null;
	});
	(anchor.closest('dialog') ?? document.body).append(box);
	box.showPopover();
	current = { close, anchor };
	if (anchor.hasAttribute('aria-haspopup')) anchor.ariaExpanded = 'true';
	const at = anchor.getBoundingClientRect();
	const { width, height } = box.getBoundingClientRect();
	box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
	box.style.top = `${Math.max(8, at.bottom + 4 + height > innerHeight ? at.top - height - 4 : at.bottom + 4)}px`;
	focusOn(box, 'input, button');
}

// Single keys may be in the way of speech input.

const KEY = 'pbu-log.keys';

let on = true;
try {
	on = localStorage.getItem(KEY) !== 'off';
} catch { /* nothing is stored here */ }

export const keysAreOn = () => on;

/** @param {boolean} wanted */
export function switchKeys(wanted) {
	on = wanted;
	try {
		if (wanted) localStorage.removeItem(KEY);
		else localStorage.setItem(KEY, 'off');
	} catch { /* for this visit only */ }
}

/** @param {Record<string, (e: KeyboardEvent) => void>} actions */
export function listen(actions) {
	document.addEventListener('keydown', (e) => {
		if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
		const at = e.target instanceof HTMLElement ? e.target : document.body;
		if (at.closest('input, textarea, select, [popover]')) return;
		if (document.querySelector('dialog[open]:not(#context)')) return;
		if (e.key.length === 1 && (!on || e.key === ' ')) return;
		if (e.key === 'Enter' && at.closest('button, a, summary, .plot')) return;
		const action = actions[e.key];
		if (!action) return;
		action(e);
	});
}

/** @type {Query} */
const LEVEL_OF_FILE = { e: 'ERROR', w: 'WARNING', i: 'INFO', d: 'DEBUG' };

/** @param {Entry} entry */
export const levelOf = (entry) => LEVEL_OF_FILE[entry.cursor[0]] ?? 'INFO';

// Characters of a message in a row, wrapped or not, and of a text that is folded out.
const LINE = 400;
const WRAPPED = 2000;
export const SHOWN = 20000;

const year = String(new Date().getFullYear());

/** @param {Entry} entry @param {number} length */
function headOf({ message, text }, length) {
	const line = message ?? text;
	const end = line.indexOf('\n');
	return line.slice(0, Math.min(end < 0 ? line.length : end, length));
}

/** @param {string} text */
function linesIn(text) {
	let n = 0;
	for (let i = text.indexOf('\n'); i >= 0 && n < 9999; i = text.indexOf('\n', i + 1)) ++n;
	return n;
}

/** @type {WeakMap<Element, Item>} */
const items = new WeakMap();

/** @param {Element} row */
export const itemOf = (row) => items.get(row);

/** @param {Actions} actions */
function blankRow(actions) {
	const row = el('article', 'row');
	/** @param {(item: Item) => void} action */
	const act = (action) => () => action(/** @type {Item} */ (items.get(row)));
	const name = button('', act(({ entry }) => actions.logger(entry.logger ?? '', name)), 'name');
	row.append(button('', act(actions.toggle), 'fold'), el('time', 'time', el('span', 'date'), ''), el('span', 'level'),
		el('span', 'server'), el('span', 'logger', name), el('span', 'message'), el('span', 'more'), el('span', 'sr', 'chosen'));
	row.tabIndex = -1;
	row.ariaSetSize = '-1';
	return row;
}

/**
 * A row that went out of sight is cheaper than a new one.
 * @param {HTMLElement | null} old
 * @param {Item} item @param {number} index @param {How} how @param {Actions} actions
 */
export function renderRow(old, item, index, how, actions) {
	const { entry } = item, { logger, server, ts } = entry;
	const row = old ?? blankRow(actions);
	items.set(row, item);
	const [fold, time, level, serverBox, loggerBox, message, lines, chosen] = /** @type {Iterable<any>} */ (row.children);
	const file = levelOf(entry), more = linesIn(entry.text);
	row.className = `row ${file}${item.chosen ? ' chosen' : ''}${item.open ? ' open' : ''}${entry.here ? ' here' : ''}${server ? ' of' : ''}`;
	row.id = `row-${entry.cursor}`;
	row.ariaPosInSet = String(index + 1);
	fold.ariaExpanded = String(item.open);
	fold.ariaLabel = item.open ? 'Fold in' : more ? `Fold out, ${counted(more, 'more line')}` : 'Fold out';
	time.dateTime = ts ?? '';
	time.firstChild.textContent = ts?.startsWith(year) ? ts.slice(5, 10) : ts?.slice(0, 10);
	time.lastChild.data = ts ? ` ${ts.slice(11, 23)}` : '';
	put(level, (entry.level ?? file).slice(0, 8));
	put(serverBox, serverBox.title = server ?? '');
	const name = loggerBox.firstChild, shortName = logger?.slice(0, 200) ?? '';
	name.hidden = !logger;
	name.title = `${seen(shortName)}: keep or leave out`;
	put(name, shortName, how.marks(shortName));
	const head = headOf(entry, how.wrap ? WRAPPED : LINE);
	put(message, head, how.marks(head));
	lines.hidden = !more || item.open;
	lines.textContent = `+${more}${entry.cut ? '…' : ''}`;
	lines.title = counted(more, 'more line');
	chosen.hidden = !item.chosen;
	row.querySelector('.detail')?.remove();
	if (item.open) row.append(renderDetail(item, how, actions));
	setActive(row, how.active);
	return row;
}

/** The buttons of other rows are no stops for Tab: there are many. @param {HTMLElement} row @param {boolean} active */
export function setActive(row, active) {
	row.classList.toggle('active', active);
	for (const stop of row.querySelectorAll('.fold, .name')) /** @type {HTMLElement} */ (stop).tabIndex = active ? 0 : -1;
}

/** @param {Item} item @param {How} how @param {Actions} actions */
function renderDetail(item, how, actions) {
	const { entry } = item;
	const detail = el('div', 'detail');
	const tools = el('div', 'tools',
		button('Copy', () => actions.copy(item, 'text'), 'copy'),
		button('Copy as grep', () => actions.copy(item, 'grep'), 'grep'),
		button('Copy link', () => actions.copy(item, 'link'), 'link'),
		button('Context', () => actions.context(item), 'context'),
		button(item.chosen ? 'Unmark' : 'Mark', () => actions.choose(item), 'choose'));
	const facts = el('dl', 'facts');
	/** @param {string} name @param {string} value */
	const fact = (name, value) => {
		const dd = el('dd');
		append(dd, value.slice(0, 1000));
		facts.append(el('div', '', el('dt', '', name), dd));
	};
	if (entry.ts) fact('Time', entry.ts);
	fact('Level', entry.level && entry.level !== levelOf(entry) ? `${entry.level} (${levelOf(entry)})` : levelOf(entry));
	if (entry.server) fact('Server', entry.server);
	if (entry.logger) fact('Logger', entry.logger);

	const shown = item.shown ?? SHOWN;
	const text = entry.text.slice(0, shown);
	const pre = el('pre', 'text');
	pre.tabIndex = 0;
	pre.role = 'region';
	pre.ariaLabel = 'Text of the entry';
	append(pre, text, how.marks(text));
	detail.append(tools, facts, pre);
	const rest = entry.text.length - text.length + (entry.cut ?? 0);
	if (entry.text.length > text.length) {
		detail.append(button(`Show more (${counted(rest, 'character')} are not shown)`, () => actions.more(item), 'unfold'));
	} else if (rest) {
		detail.append(el('p', 'rest', `${counted(rest, 'more character')}: Copy has them, and Download.`));
	}
	return detail;
}

const BLOCK = 256;
// Rows beyond the edges, so that a slow frame shows no gap.
const MARGIN = 5;

export class List {
	/**
	 * @param {HTMLElement} scroller
	 * @param {HTMLElement} slice
	 * @param {HTMLElement} spacer
	 * @param {(row: HTMLElement | null, item: Item, index: number) => HTMLElement} render
	 */
	constructor(scroller, slice, spacer, render) {
		this.scroller = scroller;
		this.slice = slice;
		this.spacer = spacer;
		this.render = render;
		/** @type {Block[]} */
		this.blocks = [];
		this.length = 0;
		this.rowHeight = 22;
		this.wrap = false;
		this.onUpdate = () => {};
		/** @type {Map<Item, HTMLElement>} */
		this.elements = new Map();
		this.scheduled = false;
		this.refocuses = false; // a row is drawn anew, and nobody has moved
		this.offset = NaN;
		this.tall = NaN;
		scroller.addEventListener('scroll', () => this.schedule(), { passive: true });
		new ResizeObserver(() => {
			// On a phone a row has two lines.
			this.rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue('--row')) || 22;
			this.forgetHeights();
			this.schedule();
		}).observe(scroller);
	}

	/** @param {Item} item */
	guess(item) {
		if (!this.wrap && !item.open) return this.rowHeight;
		const { text, message } = item.entry;
		const length = item.open ? Math.min(text.length, 8000) : Math.min((message ?? text).length, 2000);
		return this.rowHeight * (1 + Math.ceil(length / 120));
	}

	get height() {
		let sum = 0;
		for (const block of this.blocks) sum += block.sum;
		return sum;
	}

	/** @param {Entry} entry @param {Block} block */
	item(entry, block) {
		const item = { entry, block, height: 0, measured: false, open: false, chosen: false };
		block.sum += item.height = this.guess(item);
		return item;
	}

	/** @param {Entry[]} entries */
	append(entries) {
		for (const entry of entries) {
			let block = this.blocks.at(-1);
			if (!block || block.items.length >= BLOCK) this.blocks.push(block = { items: [], sum: 0 });
			block.items.push(this.item(entry, block));
		}
		this.length += entries.length;
		this.schedule();
	}

	/** @param {Entry[]} entries @param {boolean} still */
	prepend(entries, still) {
		let added = 0;
		for (let i = entries.length - 1; i >= 0; --i) {
			let block = this.blocks[0];
			if (!block || block.items.length >= BLOCK) this.blocks.unshift(block = { items: [], sum: 0 });
			const item = this.item(entries[i], block);
			block.items.unshift(item);
			added += item.height;
		}
		this.length += entries.length;
		if (still && added) {
			this.stretch();
			this.scroller.scrollTop += added;
		}
		this.schedule();
	}

	/** @param {boolean} first */
	drop(first) {
		const block = first ? this.blocks.shift() : this.blocks.pop();
		if (!block) return [];
		this.length -= block.items.length;
		if (first) this.scroller.scrollTop -= block.sum;
		this.schedule();
		return block.items;
	}

	clear() {
		this.blocks = [];
		this.length = 0;
		for (const element of this.elements.values()) element.remove();
		this.elements.clear();
		this.scroller.scrollTop = 0;
		this.schedule();
	}

	/** @param {boolean} wrap */
	setWrap(wrap) {
		if (wrap === this.wrap) return;
		const first = this.firstInSight();
		this.wrap = wrap;
		this.forgetHeights();
		this.redraw();
		if (first) this.scroller.scrollTop = this.topOf(first);
	}

	forgetHeights() {
		for (const block of this.blocks) {
			block.sum = 0;
			for (const item of block.items) {
				item.measured = false;
				block.sum += item.height = this.guess(item);
			}
		}
	}

	/** @param {Item} item */
	changed(item) {
		item.block.sum -= item.height;
		item.block.sum += item.height = this.guess(item);
		item.measured = false;
		this.redrawItem(item);
	}

	/** @param {Item} item */
	redrawItem(item) {
		const old = this.elements.get(item);
		if (!old) return;
		const focused = old.contains(document.activeElement) ? document.activeElement : null;
		this.refocuses = true;
		this.render(old, item, this.indexOf(item));
		if (focused && !focused.isConnected) {
			const inside = old.querySelector(`.${focused.classList[0]}`) ?? old;
			if (inside instanceof HTMLElement) inside.focus({ preventScroll: true });
		}
		this.refocuses = false;
		this.schedule();
	}

	redraw() {
		for (const item of [...this.elements.keys()]) this.redrawItem(item);
		this.schedule();
	}

	*[Symbol.iterator]() {
		for (const block of this.blocks) yield* block.items;
	}

	/** @param {Item} item */
	indexOf(item) {
		let index = 0;
		for (const block of this.blocks) {
			if (block === item.block) return index + block.items.indexOf(item);
			index += block.items.length;
		}
		return -1;
	}

	/** @param {number} index @returns {Item | undefined} */
	at(index) {
		if (index < 0) return undefined;
		for (const block of this.blocks) {
			if (index < block.items.length) return block.items[index];
			index -= block.items.length;
		}
		return undefined;
	}

	/** @param {Item} item */
	topOf(item) {
		let top = 0;
		for (const block of this.blocks) {
			if (block !== item.block) {
				top += block.sum;
				continue;
			}
			for (const other of block.items) {
				if (other === item) return top;
				top += other.height;
			}
		}
		return top;
	}

	firstInSight() {
		let top = 0;
		const edge = this.scroller.scrollTop;
		for (const block of this.blocks) {
			if (top + block.sum <= edge) {
				top += block.sum;
				continue;
			}
			for (const item of block.items) {
				top += item.height;
				if (top > edge) return item;
			}
		}
		return undefined;
	}

	/** @param {Item} item */
	reveal(item) {
		const top = this.topOf(item);
		const bottom = top + Math.min(item.height, this.scroller.clientHeight);
		const { scrollTop, clientHeight } = this.scroller;
		this.stretch();
		if (top < scrollTop) this.scroller.scrollTop = top - this.rowHeight;
		else if (bottom > scrollTop + clientHeight) this.scroller.scrollTop = bottom - clientHeight + this.rowHeight;
		this.update();
	}

	schedule() {
		if (this.scheduled) return;
		this.scheduled = true;
		requestAnimationFrame(() => {
			this.scheduled = false;
			this.update();
		});
	}

	stretch() {
		const height = this.height;
		if (height !== this.tall) this.spacer.style.height = `${(this.tall = height)}px`;
	}

	update() {
		this.stretch();
		const view = this.scroller.clientHeight;
		const top = this.scroller.scrollTop;
		const margin = MARGIN * this.rowHeight;
		/** @type {Item[]} */
		const wanted = [];
		let offset = 0, place = 0, index = 0, first = 0;
		for (const block of this.blocks) {
			if (place > top + view + margin) break;
			if (place + block.sum < top - margin) {
				place += block.sum;
				index += block.items.length;
				continue;
			}
			for (const item of block.items) {
				const { height } = item;
				if (place + height >= top - margin && place <= top + view + margin) {
					if (!wanted.length) {
						offset = place;
						first = index;
					}
					wanted.push(item);
				}
				place += height;
				++index;
			}
		}
		this.place(wanted, first);
		// A feed has something in it.
		if (wanted.length) this.slice.role = 'feed';
		else this.slice.role = null;
		if (offset !== this.offset) this.slice.style.transform = `translateY(${(this.offset = offset)}px)`;
		this.measure(wanted, offset);
		this.onUpdate();
	}

	/** @param {Item[]} wanted @param {number} first */
	place(wanted, first) {
		const { activeElement } = document;
		let stay = new Set(wanted.filter((item) => this.elements.has(item)));
		// Where most are others, it is cheaper to change the texts than to move rows.
		if (stay.size * 2 < wanted.length && !this.slice.contains(activeElement)) stay = new Set();
		// What somebody has marked with the mouse must not become another text.
		const marked = getSelection();
		const used = marked?.isCollapsed === false && this.slice.contains(marked.anchorNode);
		/** @type {Set<Element>} */
		const free = new Set();
		for (const [item, element] of this.elements) {
			if (stay.has(item)) continue;
			// A row that goes out of sight takes the focus along, else.
			if (element.contains(activeElement)) this.scroller.focus({ preventScroll: true });
			if (used) element.remove();
			else free.add(element);
			this.elements.delete(item);
		}
		let next = this.slice.firstElementChild;
		wanted.forEach((item, i) => {
			let element = this.elements.get(item);
			if (element) {
				while (next && free.has(next)) next = next.nextElementSibling;
			} else {
				const [any = null] = free;
				const old = /** @type {HTMLElement | null} */ (next && free.has(next) ? next : any);
				if (old) free.delete(old);
				this.elements.set(item, element = this.render(old, item, first + i));
			}
			if (element === next) next = next.nextElementSibling;
			else this.slice.insertBefore(element, next);
		});
		for (const element of free) element.remove();
	}

	/** Heights that are not known yet; what is in sight stays where it is. @param {Item[]} wanted @param {number} offset */
	measure(wanted, offset) {
		let above = 0, place = offset, changes = false;
		const top = this.scroller.scrollTop;
		for (const item of wanted) {
			const before = item.height;
			if ((this.wrap || item.open) && !item.measured) {
				const height = this.elements.get(item)?.getBoundingClientRect().height || before;
				item.height = height;
				item.measured = true;
				item.block.sum += height - before;
				changes ||= height !== before;
				if (place + before <= top) above += height - before;
			}
			place += before;
		}
		if (!changes) return;
		this.stretch();
		if (above) this.scroller.scrollTop = top + above;
		this.schedule();
	}
}

/** @param {string} text */
export async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		return;
	} catch { /* not over plain HTTP, but on this machine */ }
	const area = document.createElement('textarea');
	area.value = text;
	area.className = 'sr';
	const focused = document.activeElement;
	(document.querySelector('dialog[open]') ?? document.body).append(area);
	area.select();
	const done = document.execCommand('copy');
	area.remove();
	if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
	if (!done) throw new Error('the browser does not allow it here');
}

/** @param {Entry[]} entries */
export async function asText(entries) {
	let texts = '';
	for (const entry of entries) texts += `${entry.server ? `[${entry.server}] ` : ''}${await wholeText(entry)}\n`;
	return texts;
}

/** @param {string} word */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * The longest piece of a line that survives a terminal; U+FFFD stands for bytes that are not UTF-8.
 * @param {string} text
 */
function pieceOf(text) {
	const end = text.indexOf('\n');
	const line = (end < 0 ? text : text.slice(0, end)).slice(0, 4000);
	return line.split(/[\p{Cc}\p{Cs}\uFFFD]+/u).reduce((longest, piece) => (piece.length > longest.length ? piece : longest), '');
}

/** A line for each server. @param {Entry[]} entries */
export const asGrep = (entries) => [...Map.groupBy(entries, ({ server }) => server)]
	.map(([server, of]) => grepFor(of) + (server ? ` # ${server}` : '')).join('\n');

/** @param {Entry[]} entries */
function grepFor(entries) {
	/** @type {Set<string>} */
	const pieces = new Set();
	/** @type {Set<string>} */
	const files = new Set();
	let lines = 0;
	for (const entry of entries) {
		pieces.add(pieceOf(entry.text));
		files.add(`${levelOf(entry).toLowerCase()}.log*`);
		lines = Math.max(lines, entry.text.split('\n').length - 1);
	}
	const after = lines ? ` -A ${lines}` : '';
	// -a: files with NULs are text, too; -h: one entry after the other, as they are.
	return `grep -ahF${after}${[...pieces].map((piece) => ` -e ${quoted(piece)}`).join('')} ${[...files].join(' ')}`;
}
