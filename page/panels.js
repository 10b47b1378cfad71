// What is around the list: the histogram, levels, notices, and what opens over it.

import { ApiError, count, counted, entryOf, isAbort, iso, isZone, LEVELS, local, login, messageOf, missingInWords, missingOf, now, ownZone, records, resolve, short, shortLocal, when } from './query.js';
import { button, byId, el, focusOn, keysAreOn, popup, setActive, switchKeys } from './view.js';

/** @param {string} title @param {string[]} words @param {(Node | null)[]} actions */
export function showNotice(title, words, actions = []) {
	const notice = byId('notice');
	const key = [title, ...words].join('\n');
	if (!notice.hidden && notice.dataset.key === key) return;
	notice.dataset.key = key;
	const given = actions.filter((a) => a !== null);
	notice.replaceChildren(el('h2', '', title), ...words.map((w) => el('p', '', w)));
	if (given.length) notice.append(el('div', 'actions', ...given));
	notice.hidden = false;
}

export function hideNotice() {
	const notice = byId('notice');
	notice.hidden = true;
	delete notice.dataset.key;
	notice.replaceChildren();
}

/**
 * The token goes to the server, and nowhere else.
 * @param {string} why
 * @param {() => void} onDone
 */
export function showLogin(why, onDone) {
	const { input, label, note } = field('token', 'Token');
	Object.assign(input, { type: 'password', autocomplete: 'current-password', required: true });
	note.className = 'error';
	note.role = 'alert';
	// For those who keep passwords.
	const name = el('input');
	name.autocomplete = 'username';
	name.value = 'reader';
	name.hidden = true;
	const submit = el('button', 'primary', 'Log in');
	const form = el('form', 'login', name, label, el('div', 'pair', input, submit), note);
	form.id = 'login';
	form.addEventListener('submit', async (e) => {
		e.preventDefault();
		submit.disabled = true;
		note.textContent = '';
		try {
			await login(input.value);
			input.value = '';
			onDone();
		} catch (e) {
			input.ariaInvalid = 'true';
			note.textContent = `Not logged in: ${messageOf(e)}`;
			input.select();
		} finally {
			submit.disabled = false;
		}
	});
	showNotice('Who reads here needs a token', [why], [form]);
	input.focus();
}

/** @param {() => void} again */
export const tryAgain = (again) => button('Try again', again, 'primary');

let spoken = 0;
/** @type {number | undefined} */
let waiting;

/**
 * For screen readers, not more often than they can follow; without a pause: the answer to a key.
 * @param {string} text @param {number} pause
 */
export function say(text, pause = 1000) {
	const speak = () => {
		spoken = Date.now();
		byId('said').textContent = text;
	};
	clearTimeout(waiting);
	if (pause) waiting = setTimeout(speak, Math.max(0, spoken + pause - Date.now()));
	else speak();
}

/** @type {Query} */
const UNIT_NAMES = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };
const PRESETS = [
	['-15m', 'Last 15 minutes'], ['-1h', 'Last hour'], ['-6h', 'Last 6 hours'], ['-24h', 'Last 24 hours'],
	['-7d', 'Last 7 days'], ['-30d', 'Last 30 days'], ['all', 'All time'],
];

/** @param {string} id @param {string} name @param {string} [value] @param {string} [example] */
function field(id, name, value = '', example = '') {
	const input = el('input'), label = el('label', '', name), note = el('span', 'note');
	Object.assign(input, { id, value, placeholder: example, autocomplete: 'off', spellcheck: false });
	label.htmlFor = id;
	note.id = `${id}-note`;
	input.setAttribute('aria-describedby', note.id);
	return { input, label, note };
}

/** @param {State} s @param {string} zone */
export function rangeInWords(s, zone) {
	const relative = /^-(\d+)([smhdw])$/.exec(s.start);
	if (!s.end) {
		const preset = PRESETS.find(([start]) => start === s.start);
		if (preset) return preset[1];
		if (relative) return `Last ${counted(Number(relative[1]), UNIT_NAMES[relative[2]])}`;
	}
	/** @param {string} text @param {string} none */
	const say = (text, none) => {
		const ms = resolve(text, now());
		return ms === null ? none : shortLocal(ms, zone);
	};
	const end = say(s.end, 'now'), start = say(s.start, 'the beginning');
	return `${start} – ${start.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}

/**
 * @param {HTMLElement} anchor
 * @param {State} state
 * @param {string} zone
 * @param {(change: Partial<State>) => void} onChange
 */
export function openRange(anchor, state, zone, onChange) {
	popup(anchor, 'Time range', (close) => {
		/** @param {Partial<State>} change */
		const done = (change) => {
			close();
			onChange(change);
		};
		const presets = el('div', 'presets');
		for (const [start, name] of PRESETS) {
			const preset = button(name, () => done({ start, end: '', time: '' }));
			preset.ariaPressed = String(start === state.start && !state.end);
			presets.append(preset);
		}
		/** @param {string} text */
		const words = (text) => {
			const ms = resolve(text, now());
			return /^-/.test(text) ? text : ms === null ? '' : shortLocal(ms, zone);
		};
		const from = timeField('from', 'From', words(state.start), 'yesterday 17:30');
		const to = timeField('to', 'To', words(state.end), 'now');
		const jump = timeField('jump', 'Jump to', words(state.time), '2 hours ago');

		const { input: zoneInput, label: zoneLabel, note: zoneNote } = field('zone', 'Time zone', state.zone, ownZone);
		zoneInput.setAttribute('list', 'zones');
		const zones = el('datalist', '', ...['UTC', ...Intl.supportedValuesOf('timeZone')].map((name) => el('option', '', name)));
		zones.id = 'zones';
		const zoneOf = () => zoneInput.value.trim() || ownZone;

		const check = () => {
			const valid = isZone(zoneOf());
			zoneInput.ariaInvalid = String(!valid);
			zoneNote.textContent = valid ? '' : 'no such time zone';
			return [from, to, jump].map((field) => field.check(valid ? zoneOf() : 'UTC')).every(Boolean) && valid;
		};
		const form = el('form', 'range', presets,
			el('div', 'fields', ...from.parts, ...to.parts, ...jump.parts, zoneLabel, zoneInput, zoneNote, zones),
			el('div', 'actions', el('button', 'primary', 'Apply')));
		form.noValidate = true;
		form.addEventListener('input', check);
		form.addEventListener('submit', (e) => {
			e.preventDefault();
			if (!check()) {
				focusOn(form, '[aria-invalid=true]');
				return;
			}
			const end = to.value(), time = jump.value();
			done({
				start: from.value()?.text ?? 'all',
				end: !end || to.input.value.trim().toLowerCase() === 'now' ? '' : iso(end.ms),
				time: time ? iso(time.ms) : '',
				zone: zoneInput.value.trim(),
			});
		});
		check();
		return form;
	});
}

/** @param {string} id @param {string} name @param {string} value @param {string} example */
function timeField(id, name, value, example) {
	const { input, label, note } = field(`time-${id}`, name, value, example);
	let zone = 'UTC';
	const read = () => (input.value.trim() ? when(input.value, zone, now()) : null);
	return {
		input,
		parts: [label, input, note],
		value: read,
		/** @param {string} zoneNow */
		check(zoneNow) {
			zone = zoneNow;
			const found = read();
			const valid = !input.value.trim() || found !== null;
			input.ariaInvalid = String(!valid);
			note.textContent = valid ? (found ? shortLocal(found.ms, zone) : '') : 'not understood: as “yesterday 17:30”';
			return valid;
		},
	};
}

const KEY = 'pbu-log.saved';

/** @returns {Saved[]} */
function read() {
	try {
		/** @type {unknown} */
		const list = JSON.parse(localStorage.getItem(KEY) ?? '[]');
		return Array.isArray(list) ? list.filter((s) => typeof s?.name === 'string' && typeof s?.search === 'string') : [];
	} catch {
		return [];
	}
}

/** @param {Saved[]} list */
function write(list) {
	try {
		localStorage.setItem(KEY, JSON.stringify(list));
		return true;
	} catch {
		return false;
	}
}

/** @param {HTMLElement} anchor @param {Saved} current @param {(search: string) => void} onOpen */
export function openSaved(anchor, current, onOpen) {
	popup(anchor, 'Saved queries', (close) => {
		const list = el('ul', 'saved');
		const draw = () => {
			const saved = read();
			list.replaceChildren(...saved.map(({ name, search }) => {
				const remove = button('Remove', () => {
					write(read().filter((s) => s.name !== name));
					draw();
					input.focus();
				}, 'remove');
				remove.ariaLabel = `Remove ${name}`;
				return el('li', '', button(name, () => {
					close();
					onOpen(search);
				}, 'open'), remove);
			}));
			if (!saved.length) list.append(el('li', 'none', 'None yet.'));
		};
		const { input, label, note } = field('saved-name', 'Save this one as', current.name);
		input.maxLength = 100;
		note.role = 'status';
		const form = el('form', '', label, el('div', 'pair', input, el('button', 'primary', 'Save')));
		form.addEventListener('submit', (e) => {
			e.preventDefault();
			const name = input.value.trim();
			if (!name) return;
			const rest = read().filter((s) => s.name !== name);
			const done = write([...rest, { name, search: current.search }].sort((a, b) => a.name.localeCompare(b.name)));
			note.textContent = done ? `Saved: ${name}` : 'This browser does not store it.';
			draw();
		});
		draw();
		return el('div', 'saved-box', list, form, note);
	});
}

const STEP = 20;

export class Context {
	/**
	 * @param {(item: Item, index: number) => HTMLElement} render
	 * @param {() => void} onClose
	 * @param {(entry: Entry) => void} onShow
	 */
	constructor(render, onClose, onShow) {
		this.render = render;
		this.onShow = onShow;
		this.dialog = byId('context');
		this.rows = el('div', 'rows');
		this.words = el('p', 'words');
		this.words.role = 'status';
		this.before = button('Earlier', () => this.more(STEP * 5, 0));
		this.after = button('Later', () => this.more(0, STEP * 5));
		this.show = button('Show in the list', () => {
			const here = this.items.find((item) => item.entry.here);
			if (here) this.onShow(here.entry);
		});
		const close = button('Close', () => this.dialog.close());
		const scroller = el('div', 'scroller', this.before, this.rows, this.after);
		scroller.tabIndex = 0;
		scroller.role = 'region';
		scroller.ariaLabel = 'Entries around, oldest first';
		this.scroller = scroller;
		const title = el('h2', '', 'Context');
		title.id = 'context-title';
		this.dialog.setAttribute('aria-labelledby', title.id);
		this.dialog.append(el('header', '', title, this.words, this.show, close), scroller);
		this.dialog.addEventListener('close', () => {
			this.aborter.abort();
			onClose();
		});
		/** @type {Item[]} */
		this.items = [];
		this.aborter = new AbortController();
		this.cursor = '';
		this.zone = '';
		this.count = { before: STEP, after: STEP };
	}

	/** @param {string} cursor @param {string} zone */
	open(cursor, zone) {
		if (this.cursor === cursor && this.dialog.open) return;
		this.cursor = cursor;
		this.zone = zone;
		this.count = { before: STEP, after: STEP };
		this.items = [];
		this.rows.replaceChildren();
		if (!this.dialog.open) this.dialog.showModal();
		this.load();
	}

	close() {
		if (this.dialog.open) this.dialog.close();
	}

	/** @param {number} before @param {number} after */
	more(before, after) {
		this.count.before += before;
		this.count.after += after;
		this.load();
	}

	async load() {
		this.aborter.abort();
		const { signal } = this.aborter = new AbortController();
		const { before, after } = this.count;
		this.words.textContent = 'Loading…';
		this.show.hidden = this.before.hidden = this.after.hidden = true;
		const parameters = { cursor: this.cursor, before: String(before), after: String(after), timezone: this.zone };
		/** @type {Entry[]} */
		const entries = [];
		let words = '';
		try {
			for await (const record of records('log/context', parameters, signal)) {
				if (record.end) words = missingInWords(missingOf(record));
				else if (!record.progress) entries.push(entryOf(record));
			}
		} catch (e) {
			if (isAbort(e)) return;
			this.words.textContent = e instanceof ApiError && e.status === 410
				? 'The file that this entry was in is gone: rolled over and removed.'
				: `This did not work: ${messageOf(e)}`;
			return;
		}
		const open = new Set(this.items.filter((item) => item.open).map((item) => item.entry.cursor));
		const anchor = this.rows.querySelector('.row')?.id;
		this.items = entries.map((entry) => ({
			entry, block: { items: [], sum: 0 }, height: 0, measured: false, chosen: false,
			open: open.has(entry.cursor),
		}));
		const here = entries.findIndex((entry) => entry.here);
		this.words.textContent = words;
		this.show.hidden = false;
		this.before.hidden = here < before;
		this.after.hidden = entries.length - 1 - here < after;
		this.redraw();
		const first = this.items.length && anchor !== undefined;
		const at = first ? document.getElementById(anchor) : this.rows.querySelector('.here');
		at?.scrollIntoView({ block: first ? 'start' : 'center' });
		if (!first && at instanceof HTMLElement) at.focus({ preventScroll: true });
	}

	redraw() {
		const focused = this.rows.contains(document.activeElement) ? document.activeElement?.closest('.row')?.id : undefined;
		if (this.items.length) this.rows.role = 'feed';
		this.rows.replaceChildren(...this.items.map((item, i) => {
			const row = this.render(item, i);
			row.id = `context-${row.id}`;
			setActive(row, true);
			row.classList.remove('active');
			return row;
		}));
		if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
	}
}

const SEARCH = [
	['word other', 'both must be there'],
	['"a phrase"', 'with its spaces'],
	['-word', 'must not be there'],
	['/time(d )?out/i', 'an expression (PCRE2); i: in any case'],
	['logger:app.db', 'of this logger, or one below it'],
	['Word', 'a capital letter in a word: case counts'],
];

const KEYS = [
	['/', 'search'], ['j k', 'next, previous entry (also ↓ ↑)'], ['n N', 'next, previous hit'],
	['e E', 'next, previous error'], ['Enter', 'fold an entry out or in'], ['m', 'mark an entry, for copying several'],
	['c', 'copy the entry, or those marked'], ['C', 'the same, as grep'], ['o', 'context of the entry'],
	['t', 'time range, jump to a time'], ['g G', 'newest, oldest that is loaded'], ['l', 'live on and off'],
	['w', 'wrap on and off'], ['s', 'saved queries'], ['Esc', 'cancel; let go of the entry'], ['?', 'this help'],
];

/** @param {string[][]} pairs @param {boolean} keys */
function list(pairs, keys) {
	const dl = el('dl');
	for (const [what, words] of pairs) {
		const dt = el('dt');
		if (keys) dt.append(...what.split(' ').flatMap((key, i) => (i ? [' ', el('kbd', '', key)] : [el('kbd', '', key)])));
		else dt.append(el('code', '', what));
		dl.append(el('div', '', dt, el('dd', '', words)));
	}
	return dl;
}

export function openHelp() {
	const dialog = byId('help');
	if (dialog.open) return;
	const title = el('h2', '', 'Help');
	title.id = 'help-title';
	const box = el('input');
	box.type = 'checkbox';
	box.id = 'keys-on';
	box.checked = keysAreOn();
	box.addEventListener('change', () => switchKeys(box.checked));
	const label = el('label', '', 'Single keys do something');
	label.htmlFor = box.id;
	const columns = el('div', 'columns',
		el('section', '', el('h3', '', 'Search'), list(SEARCH, false),
			el('p', '', 'All of them must hold. What is looked at is in the address of this page: a link shows it to others.')),
		el('section', '', el('h3', '', 'Keys'), list(KEYS, true), el('p', 'switch', box, label)));
	columns.tabIndex = 0;
	columns.role = 'region';
	columns.setAttribute('aria-labelledby', title.id);
	dialog.replaceChildren(
		el('header', '', title, button('Close', () => dialog.close())), columns);
	dialog.showModal();
}


const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 56;

export class Histogram {
	/** @param {HTMLElement} figure @param {(start: number, end: number) => void} onZoom @param {() => void} onChange */
	constructor(figure, onZoom, onChange) {
		this.onZoom = onZoom;
		this.onChange = onChange;
		this.svg = document.createElementNS(SVG, 'svg');
		this.svg.setAttribute('preserveAspectRatio', 'none');
		this.svg.ariaHidden = 'true';
		this.plot = el('div', 'plot');
		this.plot.tabIndex = 0;
		this.plot.role = 'group';
		this.plot.ariaLabel = 'Histogram. Arrow keys: move; with Shift: select; Enter: zoom in';
		this.brush = el('div', 'brush');
		this.brush.hidden = true;
		this.readout = el('output', 'readout');
		this.axis = el('div', 'axis');
		this.plot.append(this.brush);
		this.plot.prepend(this.svg);
		figure.append(this.plot, this.axis, this.readout);
		/** @type {Hits | null} */
		this.hits = null;
		this.zone = 'UTC';
		/** @type {string[]} */
		this.levels = [];
		this.aborter = new AbortController();
		this.busy = false;
		this.complete = false;
		this.failed = '';
		this.scanned = 0;
		this.of = 0;
		/** @type {{from: number, to: number} | null} bars that are brushed, both included */
		this.chosen = null;
		this.frame = 0;
		this.listen();
	}

	listen() {
		/** @type {number | null} */
		let pressed = null;
		this.plot.addEventListener('pointerdown', (e) => {
			if (e.button || !this.hits) return;
			this.plot.setPointerCapture(e.pointerId);
			pressed = this.barAt(e);
			this.choose(pressed, pressed);
		});
		this.plot.addEventListener('pointermove', (e) => {
			if (pressed !== null) this.choose(pressed, this.barAt(e));
			else this.read(this.barAt(e), this.barAt(e));
		});
		this.plot.addEventListener('pointerup', () => {
			if (pressed !== null) this.zoom();
			pressed = null;
		});
		this.plot.addEventListener('pointercancel', () => {
			pressed = null;
			this.choose(null, null);
		});
		this.plot.addEventListener('pointerleave', () => {
			if (pressed === null && !this.chosen) this.readout.textContent = '';
		});
		this.plot.addEventListener('blur', () => this.choose(null, null));
		this.plot.addEventListener('keydown', (e) => this.key(e));
	}

	/** @param {KeyboardEvent} e */
	key(e) {
		const n = this.bars;
		if (!n || e.ctrlKey || e.metaKey || e.altKey) return;
		const step = { ArrowLeft: -1, ArrowRight: 1, Home: -n, End: n }[e.key];
		if (step !== undefined) {
			const { from, to } = this.chosen ?? { from: n, to: n };
			const moved = Math.max(0, Math.min(n - 1, to + step));
			this.choose(e.shiftKey && this.chosen ? from : moved, moved);
		} else if (e.key === 'Enter' && this.chosen) {
			this.zoom();
		} else if (e.key === 'Escape' && this.chosen) {
			this.choose(null, null);
		} else {
			return;
		}
		e.preventDefault();
		e.stopPropagation();
	}

	get bars() {
		return Math.max(0, ...Object.values(this.hits?.counts ?? {}).map((c) => c.length));
	}

	/** @param {PointerEvent} e */
	barAt(e) {
		const { left, width } = this.plot.getBoundingClientRect();
		return Math.max(0, Math.min(this.bars - 1, Math.floor(((e.clientX - left) / width) * this.bars)));
	}

	/** @param {number | null} from @param {number | null} to */
	choose(from, to) {
		this.chosen = from === null || to === null ? null : { from, to };
		this.brush.hidden = !this.chosen;
		this.readout.textContent = '';
		if (from === null || to === null) return;
		const [first, last] = [Math.min(from, to), Math.max(from, to)];
		this.brush.style.left = `${(100 * first) / this.bars}%`;
		this.brush.style.width = `${(100 * (last - first + 1)) / this.bars}%`;
		this.read(first, last);
	}

	/** @param {number} first @param {number} last */
	read(first, last) {
		const { hits } = this;
		if (!hits || first < 0) return;
		const told = LEVELS.filter((l) => hits.counts[l]).map((level) => {
			let n = 0;
			for (let i = first; i <= last; ++i) n += hits.counts[level][i] ?? 0;
			return n ? `${level} ${counted(n, 'entry', 'entries').split(' ')[0]}` : '';
		}).filter(Boolean);
		const from = shortLocal(hits.start + first * hits.width, this.zone);
		const to = local(hits.start + (last + 1) * hits.width, this.zone).slice(11, 19);
		this.readout.textContent = `${from} to ${to}: ${told.join(', ') || 'no entries'}`;
	}

	zoom() {
		const { hits, chosen } = this;
		if (!hits || !chosen) return;
		const first = Math.min(chosen.from, chosen.to), last = Math.max(chosen.from, chosen.to);
		this.choose(null, null);
		this.onZoom(hits.start + first * hits.width, hits.start + (last + 1) * hits.width);
	}

	/** @param {string[]} levels */
	setLevels(levels) {
		this.levels = levels;
		this.draw();
	}

	cancel() {
		this.aborter.abort();
	}

	/** @param {Query} parameters @param {string} zone */
	async load(parameters, zone) {
		this.aborter.abort();
		const aborter = this.aborter = new AbortController();
		this.zone = zone;
		this.hits = null;
		this.complete = false;
		this.failed = '';
		this.busy = true;
		this.scanned = this.of = 0;
		const buckets = String(Math.max(20, Math.min(120, Math.floor(this.plot.clientWidth / 9))));
		try {
			for await (const line of records('log/hits', { ...parameters, buckets }, aborter.signal)) {
				this.hits = { start: Date.parse(line.start), width: line.width, counts: line.counts };
				this.scanned = line.scanned;
				this.of = line.of;
				if (line.end) {
					this.complete = line.complete;
					if (!line.complete && !line.missing) this.failed = `stopped: ${line.why}`;
				}
				this.draw();
				this.onChange();
			}
		} catch (e) {
			if (aborter !== this.aborter) return;
			this.failed = isAbort(e) ? 'cancelled' : messageOf(e);
		}
		if (aborter !== this.aborter) return;
		this.busy = false;
		this.draw();
		this.onChange();
	}

	/** @param {{ms: number, level: string}[]} entries */
	add(entries) {
		const { hits } = this;
		if (!hits || this.busy || !(hits.width > 0)) return;
		for (const { ms, level } of entries) {
			const bar = Math.floor((ms - hits.start) / hits.width);
			const counts = hits.counts[level];
			if (!counts || bar < 0 || bar > counts.length + 1000) continue;
			while (bar >= counts.length) {
				for (const c of Object.values(hits.counts)) {
					c.push(0);
					c.shift();
				}
				hits.start += hits.width;
				if (Math.floor((ms - hits.start) / hits.width) < counts.length) break;
			}
			++counts[Math.floor((ms - hits.start) / hits.width)];
		}
		this.draw();
	}

	totals() {
		if (!this.hits) return null;
		/** @type {Record<string, number>} */
		const totals = {};
		for (const [level, counts] of Object.entries(this.hits.counts)) totals[level] = counts.reduce((a, b) => a + b, 0);
		return totals;
	}

	draw() {
		this.frame ||= requestAnimationFrame(() => {
			this.frame = 0;
			this.paint();
		});
	}

	paint() {
		const { hits, bars } = this;
		this.svg.replaceChildren();
		this.plot.classList.toggle('busy', this.busy);
		this.axis.replaceChildren();
		if (!hits || !bars) return;
		const shown = LEVELS.filter((l) => hits.counts[l] && (!this.levels.length || this.levels.includes(l)));
		let most = 1;
		for (let i = 0; i < bars; ++i) most = Math.max(most, shown.reduce((sum, l) => sum + (hits.counts[l][i] ?? 0), 0));
		this.svg.setAttribute('viewBox', `0 0 ${bars} ${HEIGHT}`);
		for (let i = 0; i < bars; ++i) {
			let y = HEIGHT;
			for (const level of shown) {
				const n = hits.counts[level][i] ?? 0;
				if (!n) continue;
				// A single error among thousands is seen.
				const height = Math.max(1.5, (n / most) * (HEIGHT - 2));
				y -= height;
				const rect = document.createElementNS(SVG, 'rect');
				rect.setAttribute('class', level);
				rect.setAttribute('x', String(i + 0.08));
				rect.setAttribute('width', '0.84');
				rect.setAttribute('y', String(Math.max(0, y)));
				rect.setAttribute('height', String(height));
				this.svg.append(rect);
			}
		}
		const long = hits.width * bars > 2 * 86400000;
		for (const part of [0, 0.25, 0.5, 0.75, 1]) {
			const text = local(hits.start + part * bars * hits.width, this.zone);
			this.axis.append(el('span', '', long ? text.slice(5, 16) : text.slice(11, hits.width * bars < 600000 ? 19 : 16)));
		}
	}
}

export class Levels {
	/** @param {HTMLElement} group @param {(levels: string[]) => void} onChange */
	constructor(group, onChange) {
		this.group = group;
		this.onChange = onChange;
		/** @type {Map<string, {chip: HTMLButtonElement, count: HTMLElement}>} */
		this.chips = new Map();
		/** @type {string[]} */
		this.chosen = [];
	}

	/** @param {string[]} enabled */
	show(enabled) {
		this.chips.clear();
		this.group.replaceChildren();
		for (const level of LEVELS.filter((l) => enabled.includes(l))) {
			const figure = el('span', 'count');
			const chip = button('', () => this.toggle(level), `chip ${level}`);
			chip.append(el('span', 'swatch'), level, figure);
			this.chips.set(level, { chip, count: figure });
			this.group.append(chip);
		}
		this.set(this.chosen);
	}

	get enabled() {
		return [...this.chips.keys()];
	}

	/** @param {string} level */
	toggle(level) {
		const chosen = this.chosen.includes(level) ? this.chosen.filter((l) => l !== level) : [...this.chosen, level];
		const ordered = this.enabled.filter((l) => chosen.includes(l));
		this.onChange(ordered.length === this.chips.size ? [] : ordered);
	}

	/** @param {string[]} chosen */
	set(chosen) {
		this.chosen = chosen;
		for (const [level, { chip }] of this.chips) chip.ariaPressed = String(chosen.includes(level));
		this.group.classList.toggle('some', chosen.length > 0);
	}

	/** @param {Record<string, number> | null} counts */
	count(counts) {
		for (const [level, { chip, count: figure }] of this.chips) {
			const n = counts?.[level];
			figure.textContent = n === undefined ? '' : short(n);
			chip.title = n === undefined ? '' : counted(n, 'entry', 'entries');
			if (n !== undefined && short(n) !== count(n)) chip.ariaDescription = count(n);
		}
	}
}
