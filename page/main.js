// Puts the parts together: what is looked at, and who is told when that changes.

import { Context, hideNotice, Histogram, Levels, openHelp, openRange, openSaved, rangeInWords, say, showLogin, showNotice, tryAgain } from './panels.js';
import { ApiError, bytes, count, counted, Entries, isAbort, iso, LEVELS, levelsOfServer, logout, Marks, messageOf, missing, missingInWords, now, parse, placeOfByte, print, queryOf, records, resolve, shortLocal, Tail, withLogger, zoneOf } from './query.js';
import { append, asGrep, asText, button, byId, copy, el, itemOf, levelOf, List, listen, popup, renderRow, seen, setActive, SHOWN } from './view.js';

const input = byId('q');
const rangeButton = byId('range');
const liveButton = byId('live');
const wrapButton = byId('wrap');
const savedButton = byId('saved');
const logoutButton = byId('logout');
const heldButton = byId('held');
const cancelButton = byId('cancel');
const download = byId('download');
const scroller = byId('scroller');
const slice = byId('slice');
const foot = byId('foot');
const error = byId('q-error');

let state = parse(location.search);
/** @type {Query} what is asked for, with the range as times */
let selection = {};
/** @type {Tail | null} */
let tail = null;
/** @type {Item | null} the row that the keyboard is at */
let active = null;
/** @type {Set<Item>} */
const chosen = new Set();
/** @type {Entry[]} those that came live while somebody reads, oldest first */
let held = [];
const MOST_HELD = 20000;
let heldTooMany = 0;
let connection = '';
let shut = false;
let queried = false;
/** @type {Missing} servers that do not send what is new */
let gone = new Map();
let missed = '';
let loading = Promise.resolve();

const marks = new Marks(() => {
	list.redraw();
	context.redraw();
});

/** @type {Actions} */
const rowActions = {
	toggle,
	logger: loggerMenu,
	more: (item) => {
		item.shown = (item.shown ?? SHOWN) * 5;
		list.changed(item);
	},
	copy: copyItem,
	context: (item) => set({ at: item.entry.cursor }),
	choose,
};

/** @param {string} text */
const marksOf = (text) => marks.of(text);

const list = new List(scroller, slice, byId('spacer'), (row, item, index) =>
	renderRow(row, item, index, { wrap: state.wrap, active: item === active, marks: marksOf }, rowActions));
list.onUpdate = () => {
	const { scrollTop, clientHeight } = scroller;
	if (list.length && list.height - scrollTop - clientHeight < 1500) entries.load(entries.older);
	if (list.length && scrollTop < 500 && entries.older.begun) entries.load(entries.newer);
	release(false);
};

const entries = new Entries(list, () => showProgress());

const histogram = new Histogram(byId('histogram'),
	(start, end) => set({ start: iso(start), end: iso(end), time: '' }), () => showProgress());

const levels = new Levels(byId('levels'), (chosenLevels) => set({ levels: chosenLevels }));

const context = new Context(
	(item, index) => renderRow(null, item, index, { wrap: true, active: false, marks: marksOf }, {
		...rowActions,
		toggle: (i) => {
			i.open = !i.open;
			context.redraw();
		},
		more: (i) => {
			i.shown = (i.shown ?? SHOWN) * 5;
			context.redraw();
		},
	}),
	() => { if (state.at) set({ at: '' }); },
	(entry) => showAt(entry));

// --- what is looked at ---

/** @param {Partial<State>} change @param {boolean} [push] */
function set(change, push = true) {
	const before = state;
	state = { ...state, ...change };
	const search = print(state);
	if (search !== location.search) {
		history[push ? 'pushState' : 'replaceState'](null, '', search || location.pathname);
	}
	apply(before);
}

/** @param {State} before */
function apply(before) {
	/** @param {(keyof State)[]} names */
	const differ = (...names) => names.some((name) => String(state[name]) !== String(before[name]));
	if (differ('q', 'levels', 'start', 'end', 'time', 'zone')) run(!differ('q', 'start', 'end', 'zone'));
	else if (differ('live')) follow();
	showState();
	if (differ('wrap')) list.setWrap(state.wrap);
	if (differ('at')) {
		if (state.at) context.open(state.at, zoneOf(state));
		else context.close();
	}
}

addEventListener('popstate', () => {
	const before = state;
	state = parse(location.search);
	apply(before);
});

function showState() {
	const zone = zoneOf(state);
	if (document.activeElement !== input || input.value === '') input.value = state.q;
	rangeButton.textContent = rangeInWords(state, zone) + (state.zone ? ` · ${state.zone}` : '');
	liveButton.ariaPressed = String(isLive());
	wrapButton.ariaPressed = String(state.wrap);
	scroller.classList.toggle('wrap', state.wrap);
	levels.set(state.levels);
	histogram.setLevels(state.levels);
	document.title = state.q ? `${seen(state.q)} – PBU Logs` : 'PBU Logs';
}

const isLive = () => state.live && !state.end && !state.time;

/** @param {boolean} [sameHits] */
function run(sameHits = false) {
	const at = now();
	const start = resolve(state.start, at);
	const end = resolve(state.end, at);
	/** @type {Query} */
	const range = { q: state.q, timezone: zoneOf(state) };
	if (start !== null) range.start = iso(start);
	if (end !== null) range.end = iso(end);
	selection = { ...range, level: state.levels.join(',') };
	showMissing();
	marks.setQuery(state.q);
	error.hidden = true;
	input.ariaInvalid = null;
	active = null;
	chosen.clear();
	forgetHeld();
	hideNotice();
	missing.clear();
	gone.clear();
	entries.begin(selection, state.time);
	queried = false;
	loading = load(follow());
	if (!sameHits || !histogram.hits) {
		levels.count(null);
		histogram.load(range, zoneOf(state));
	}
	showChosen();
}

/**
 * The tail begins first: nothing is between the two. Where it takes its time, that is looked for later.
 * @param {Promise<void>} tailOpen
 */
async function load(tailOpen) {
	const { aborter } = entries;
	await Promise.race([tailOpen, new Promise((done) => setTimeout(done, 500))]);
	if (aborter !== entries.aborter) return;
	queried = true;
	await entries.load(entries.older);
	if (state.time) await entries.load(entries.newer);
	if (aborter === entries.aborter && !entries.older.error) say(found());
}

// --- live ---

/** @returns {Promise<void>} */
function follow() {
	tail?.stop();
	tail = null;
	connection = '';
	showConnection();
	if (!isLive()) return Promise.resolve();
	let isOpen = () => {};
	/** @type {Promise<void>} */
	const opened = new Promise((done) => { isOpen = done; });
	/** @type {Entry[] | null} those that came while what was missed is looked for */
	let later = null;
	const mine = tail = new Tail({ q: selection.q, level: selection.level, timezone: selection.timezone }, {
		entries: (fresh) => {
			if (later) later.push(...fresh);
			else take(fresh);
		},
		dropped: (n) => {
			connection = `${counted(n, 'entry was', 'entries were')} left out: this browser was too slow`;
			showConnection(button('Load them', () => run()));
		},
		missing: (servers) => {
			const back = [...gone.keys()].some((server) => !servers.has(server) && missing.has(server));
			gone = servers;
			if (back && !isRead()) run();
			else showMissing();
		},
		open: (resumed) => {
			connection = 'Live';
			showConnection();
			if (entries.older.error?.status === 0 && !list.length) {
				run();
				return;
			}
			if (!resumed && queried) catchUp();
			isOpen();
		},
		away: (e, seconds) => {
			connection = `Not live: ${e.message}. Again in ${seconds} s`;
			showConnection(button('Now', () => mine.wake()));
			say('The connection is lost; it is tried again', 10000);
		},
		ended: (e) => {
			isOpen();
			if (e.status === 401 || e.status === 403) {
				refused(e);
				return;
			}
			if (e.status === 410) {
				run();
				return;
			}
			connection = e.status === 400 ? '' : `Not live: ${e.message}`;
			if (connection) showConnection(button('Again', () => follow()));
			else showConnection();
		},
	});

	async function catchUp() {
		if (later) return;
		later = [];
		const { aborter } = entries;
		try {
			await loading;
			if (tail === mine && aborter === entries.aborter) {
				const missed = await entries.missed(aborter.signal);
				if (tail === mine) take(missed);
			}
		} catch (e) {
			if (!isAbort(e) && tail === mine) {
				connection = 'Live, but what came before is not all here';
				showConnection(button('Load it', () => run()));
			}
		}
		const waiting = later;
		later = null;
		if (tail === mine) take(waiting);
	}
	return opened;
}

function isRead() {
	const marked = getSelection();
	return scroller.scrollTop > 2 || active !== null || entries.detached ||
		(marked !== null && !marked.isCollapsed && scroller.contains(marked.anchorNode));
}

/** @param {Entry[]} fresh */
function take(fresh) {
	const news = entries.unknown(fresh);
	if (!news.length) return;
	histogram.add(news.flatMap((e) => (e.ts ? [{ ms: Date.parse(e.ts), level: levelOf(e) }] : [])));
	levels.count(histogram.totals());
	if (held.length + heldTooMany + news.length > MOST_HELD) {
		// Kept is the place, not the entries.
		heldTooMany += held.length + news.length;
		held = [];
	} else {
		held.push(...news);
	}
	release(true);
}

/** @param {boolean} announced */
function release(announced) {
	const n = held.length + heldTooMany;
	if (!n && !entries.detached) return;
	if (isRead()) {
		heldButton.hidden = false;
		const words = n ? `${count(n)} new` : 'Newest';
		if (heldButton.textContent !== words) heldButton.textContent = words;
		if (announced) say(counted(n, 'new entry', 'new entries'), 5000);
		return;
	}
	heldButton.hidden = true;
	if (heldTooMany) {
		run();
		return;
	}
	const news = held;
	held = [];
	entries.add(news);
	hideNotice();
	say(counted(news.length, 'new entry', 'new entries'), 5000);
	showProgress();
}

function forgetHeld() {
	held = [];
	heldTooMany = 0;
	heldButton.hidden = true;
}

function toNewest() {
	activate(null);
	getSelection()?.removeAllRanges();
	if (state.time) {
		set({ time: '' });
	} else if (entries.detached || heldTooMany) {
		run();
	} else {
		scroller.scrollTop = 0;
		release(false);
		list.update();
	}
}

// --- what is told ---

function found() {
	const totals = histogram.totals();
	const shown = counted(list.length, 'entry', 'entries');
	if (!entries.older.done && histogram.complete && totals) {
		const all = Object.entries(totals).reduce((n, [l, c]) => n + (!state.levels.length || state.levels.includes(l) ? c : 0), 0);
		if (all > list.length) return `${count(list.length)} of ${counted(all, 'entry', 'entries')}`;
	}
	return entries.older.done ? shown : `${shown}, more below`;
}

function showProgress() {
	if (shut) return;
	const { older, newer, figures, busy } = entries;
	slice.ariaBusy = String(busy);
	const scans = busy || histogram.busy;
	const [scanned, of] = histogram.busy ? [histogram.scanned, histogram.of] : [figures.scanned, figures.of];
	const bar = byId('bar');
	bar.classList.toggle('busy', scans);
	byId('bar-done').style.width = `${of ? Math.min(100, (100 * scanned) / of) : 0}%`;
	cancelButton.hidden = !scans;
	const parts = busy && !list.length ? ['Searching'] : older.error && !list.length ? [] : [found()];
	// A part of a file counts when all of it was looked at.
	if (scans && scanned) parts.push(`scanned ${bytes(scanned)} of ${bytes(of)}`);
	else if (!scans && figures.scanned) parts.push(`scanned ${bytes(figures.scanned)} in ${count(Math.max(1, figures.ms))} ms`);
	if (!histogram.busy && histogram.failed && !older.error) parts.push(`histogram ${histogram.failed}`);
	byId('status').textContent = parts.join(' · ');
	levels.count(histogram.totals());
	showEdge(older, newer);
	if (!scans) showMissing();
}

function showMissing() {
	const words = missingInWords(new Map([...missing, ...gone]));
	// Complete, or it fails; or it says beforehand that it is not.
	download.href = `api/log/raw${queryOf({ ...selection, partial: words && '1' })}`;
	download.textContent = words ? 'Download in part' : 'Download';
	if (words === missed) return;
	missed = words;
	const place = byId('missing');
	place.hidden = !words;
	place.replaceChildren(el('span', '', seen(words)), button('Load again', () => run()));
}

/** @param {Edge} older @param {Edge} newer */
function showEdge(older, newer) {
	foot.replaceChildren();
	const e = older.error ? older : newer.error ? newer : older;
	if (e.error) {
		failed(e, e.error);
		return;
	}
	const { scanned, of } = entries.figures;
	const sofar = scanned ? `${bytes(scanned)} of ${bytes(of)} scanned.` : '';
	if (e.stopped) {
		const title = e.stopped === 'deadline' ? 'The search took as long as it may' : 'Cancelled';
		stopped(title, `${list.length ? `${title}.` : 'Nothing was found so far.'} ${sofar}`,
			button('Go on', () => entries.load(e, true), 'primary'));
	} else if (older.busy) {
		if (list.length) foot.append(el('p', '', 'Loading older entries…'));
	} else if (older.done && newer.done) {
		if (list.length) {
			const start = selection.start ? ` since ${shortLocal(Date.parse(selection.start), zoneOf(state))}` : '';
			foot.append(el('p', '', `That is all${start}.`));
			hideNotice();
		} else {
			nothing(sofar);
		}
	}
}

/** Below what there is, or in its place. @param {string} title @param {string} words @param {HTMLElement} action */
function stopped(title, words, action) {
	if (list.length) foot.append(el('p', '', `${words} `), action);
	else showNotice(title, [words], [action]);
}

/** @param {string} sofar */
function nothing(sofar) {
	const zone = zoneOf(state);
	const from = selection.start ? shortLocal(Date.parse(selection.start), zone) : 'the beginning';
	const to = selection.end ? shortLocal(Date.parse(selection.end), zone) : 'now';
	const what = state.levels.length ? state.levels.join(', ') : 'all levels';
	showNotice('Nothing found', [
		`Searched from ${from} to ${to} (${zone}), ${what}${state.q ? `, for ${seen(state.q)}` : ''}. ${sofar}`,
		...(isLive() ? ['What is written from now on is shown here at once.'] : []),
	], [
		state.start !== 'all' || state.end ? button('All time', () => set({ start: 'all', end: '', time: '' })) : null,
		state.levels.length ? button('All levels', () => set({ levels: [] })) : null,
		state.q ? button('Without the search', () => { input.value = ''; set({ q: '' }); }) : null,
	]);
}

/** @param {Edge} e @param {ApiError} what */
function failed(e, what) {
	if (what.status === 401 || what.status === 403) {
		refused(what);
	} else if (what.status === 400 && state.q) {
		wrongQuery(what);
	} else if (what.status === 410) {
		stopped('A file is gone', 'The file that comes next is gone: it was rolled over and removed meanwhile.',
			button('Begin anew', () => run(), 'primary'));
	} else {
		const title = what.status === 0 ? 'No answer' : 'This did not work';
		const words = sentence(what.message);
		stopped(title, list.length ? `${title}: ${words}` : words, tryAgain(() => {
			hideNotice();
			if (list.length) entries.load(e, true);
			else run();
		}));
	}
}

/** @param {string} text */
const sentence = (text) => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/** @param {ApiError} what */
function refused(what) {
	tail?.stop();
	tail = null;
	connection = '';
	showConnection();
	shut = true;
	entries.begin({}, '');
	histogram.cancel();
	foot.replaceChildren();
	cancelButton.hidden = true;
	byId('bar').classList.remove('busy');
	byId('status').textContent = '';
	inSession(false);
	if (what.status === 401) showLogin(sentence(what.message), () => { inSession(true); begin(); });
	else showNotice('Not allowed', [sentence(what.message)], [tryAgain(() => begin())]);
}

/** The cookie itself can't be seen here. @param {boolean} [begun] */
function inSession(begun) {
	try {
		if (begun) localStorage.setItem('pbu-log.session', 'on');
		else if (begun === false) localStorage.removeItem('pbu-log.session');
		logoutButton.hidden = !localStorage.getItem('pbu-log.session');
	} catch { /* nothing is stored here */ }
}

/** @param {ApiError} what */
function wrongQuery(what) {
	if (!error.hidden) return;
	error.replaceChildren(el('span', '', sentence(what.message)));
	if (what.at !== undefined) {
		const at = Math.min(placeOfByte(state.q, what.at), state.q.length);
		const code = el('code');
		append(code, state.q.slice(0, at));
		const mark = el('mark', 'wrong');
		const c = String.fromCodePoint(state.q.codePointAt(at) ?? 0x2423);
		append(mark, at < state.q.length ? c : '␣');
		code.append(mark);
		append(code, state.q.slice(at + (at < state.q.length ? c.length : 1)));
		error.append(code);
	}
	error.hidden = false;
	input.ariaInvalid = 'true';
	hideNotice();
	showNotice('The search is not understood', ['What is wrong stands below the search box.']);
}

/** @param {HTMLButtonElement} [action] */
function showConnection(action) {
	const place = byId('connection');
	place.textContent = connection;
	place.classList.toggle('away', connection !== 'Live');
	if (action) place.append(' ', action);
	liveButton.classList.toggle('on', connection === 'Live');
}

// --- rows ---

/** @param {Item} item */
function toggle(item) {
	item.open = !item.open;
	if (active !== item) activate(item, false);
	list.changed(item);
	list.update();
}

/** @param {Item | null} item @param {boolean} [focus] */
function activate(item, focus = true) {
	for (const [which, on] of /** @type {[Item | null, boolean][]} */ ([[active, false], [item, true]])) {
		const row = which && list.elements.get(which);
		if (row) setActive(row, on);
	}
	if (!item && active) scroller.focus({ preventScroll: true });
	active = item;
	if (!item) return;
	if (!focus) return;
	list.reveal(item);
	list.elements.get(item)?.focus({ preventScroll: true });
}

/** @param {number} step */
async function move(step) {
	const from = active ? list.indexOf(active) + step : list.indexOf(list.firstInSight() ?? /** @type {Item} */ ({}));
	if (active && from >= list.length) await entries.load(entries.older);
	const item = list.at(Math.max(0, from));
	if (item) activate(item);
}

/** @param {number} step @param {(entry: Entry) => boolean} test */
function search(step, test) {
	let i = active ? list.indexOf(active) + step : step > 0 ? 0 : list.length - 1;
	for (let item; (item = list.at(i)); i += step) {
		if (test(item.entry)) {
			activate(item);
			return true;
		}
	}
	return false;
}

/** @param {number} step */
async function nextHit(step) {
	if (!marks.any) {
		await move(step);
	} else if (!search(step, (entry) => marks.of(entry.text).length > 0 || marks.expressions.length > 0)) {
		say('No more hits among the entries that are loaded', 0);
	}
}

/** @param {number} step */
async function nextError(step) {
	if (search(step, (entry) => entry.cursor[0] === 'e')) return;
	if (step < 0 || entries.older.done || (state.levels.length && !state.levels.includes('ERROR'))) {
		say('No more errors', 0);
		return;
	}
	say('Looking for the next error', 0);
	const last = list.at(list.length - 1)?.entry.ts;
	const parameters = { ...selection, level: 'ERROR', limit: '1', direction: 'backward', ...(last ? { end: last } : {}) };
	try {
		for await (const record of records('log/query', parameters, entries.aborter.signal)) {
			if (record.cursor) {
				await showAt(record, true);
				return;
			}
		}
		say('No more errors', 0);
	} catch (e) {
		if (!isAbort(e)) say(`This did not work: ${messageOf(e)}`, 0);
	}
}

/**
 * The list from an entry on. Where it is not in what is selected, that goes.
 * @param {Entry} entry
 * @param {boolean} [selected]
 */
async function showAt(entry, selected = entries.known.has(entry.cursor)) {
	if (!entry.ts) return;
	/** @type {Partial<State>} */
	const change = { time: iso(Date.parse(entry.ts) + 1), at: '' };
	if (!selected) {
		Object.assign(change, { q: '', levels: [], start: 'all', end: '' });
		input.value = '';
	}
	state.time = '';
	set(change);
	context.close();
	for (let tries = 0; tries < 400; ++tries) {
		for (const item of list) {
			if (item.entry.cursor === entry.cursor) {
				activate(item);
				return;
			}
		}
		if (entries.older.begun && !entries.busy && entries.newer.done) return;
		await new Promise((done) => setTimeout(done, 25));
	}
}

/** @param {Item} item */
function choose(item) {
	item.chosen = !item.chosen;
	if (item.chosen) chosen.add(item);
	else chosen.delete(item);
	list.redrawItem(item);
	showChosen();
	say(chosen.size ? `${chosen.size} marked` : 'None marked', 0);
}

function showChosen() {
	const place = byId('chosen');
	place.hidden = !chosen.size;
	place.replaceChildren(`${chosen.size} marked `,
		button('Copy', () => copyChosen('text')), ' ', button('Copy as grep', () => copyChosen('grep')), ' ',
		button('Clear', () => {
			for (const item of chosen) {
				item.chosen = false;
				list.redrawItem(item);
			}
			chosen.clear();
			showChosen();
			scroller.focus();
		}));
}

/** @param {'text' | 'grep'} how */
async function copyChosen(how) {
	const oldestFirst = [...chosen].map((item) => [list.indexOf(item), item.entry]);
	oldestFirst.sort((a, b) => Number(b[0]) - Number(a[0]));
	const several = oldestFirst.map(([, entry]) => /** @type {Entry} */ (entry));
	await copied(counted(several.length, 'entry', 'entries'), how === 'grep' ? asGrep(several) : await asText(several));
}

/** @param {Item} item @param {'text' | 'grep' | 'link'} how */
async function copyItem(item, how) {
	const { entry } = item;
	if (how === 'link') await copied('Link', `${location.origin}${location.pathname}${print({ ...state, at: entry.cursor })}`);
	else await copied('Entry', how === 'grep' ? asGrep([entry]) : await asText([entry]));
}

/** @param {string} what @param {string} text */
async function copied(what, text) {
	try {
		await copy(text);
		flash(`${what} copied`);
	} catch (e) {
		flash(`Not copied: ${messageOf(e)}`);
	}
}

/** @type {number | undefined} */
let flashing;
/** @param {string} text */
function flash(text) {
	say(text, 0);
	const status = byId('status');
	status.textContent = text;
	clearTimeout(flashing);
	flashing = setTimeout(() => showProgress(), 3000);
}

/** @param {string} logger @param {HTMLElement} from */
function loggerMenu(logger, from) {
	popup(from, 'Logger', (close) => {
		const box = el('div', 'menu');
		const parts = logger.split('.');
		const plain = /^\S+$/.test(logger);
		/** @param {string} name @param {boolean} keep */
		const entry = (name, keep) => {
			const words = button('', () => {
				close();
				const q = plain ? withLogger(state.q, name, keep) : `${state.q} ${keep ? '' : '-'}"${name.replace(/["\\]/g, '\\$&')}"`.trim();
				input.value = q;
				set({ q });
			}, keep ? 'keep' : 'leave');
			append(words, `${keep ? 'Only' : 'Without'} ${name}`);
			box.append(words);
		};
		entry(logger, true);
		entry(logger, false);
		if (plain && parts.length > 1) entry(parts[0], true);
		return box;
	});
}

// --- what people do ---

byId('search').addEventListener('submit', (e) => {
	e.preventDefault();
	const q = input.value.trim();
	if (q === state.q) run();
	else set({ q });
});
input.addEventListener('input', () => {
	// The cross in the box.
	if (input.value === '' && state.q) set({ q: '' });
});
input.addEventListener('keydown', (e) => {
	if (e.key === 'Escape') {
		input.value = state.q;
		scroller.focus();
		e.preventDefault();
	}
});
rangeButton.addEventListener('click', () => openRange(rangeButton, state, zoneOf(state), (change) => set(change)));
liveButton.addEventListener('click', () => switchLive());
wrapButton.addEventListener('click', () => set({ wrap: !state.wrap }, false));
savedButton.addEventListener('click', () => openSaved(savedButton,
	{ name: state.q || rangeInWords(state, zoneOf(state)), search: print({ ...state, at: '' }) },
	(search) => {
		input.value = '';
		set(parse(search));
	}));
byId('help-open').addEventListener('click', openHelp);
heldButton.addEventListener('click', toNewest);
cancelButton.addEventListener('click', cancel);
logoutButton.addEventListener('click', async () => {
	await logout().catch(() => {});
	inSession(false);
	begin();
});
slice.addEventListener('click', (e) => {
	const at = e.target instanceof Element ? e.target : null;
	const row = at?.closest('.row');
	if (!row || at?.closest('button, .detail') || !getSelection()?.isCollapsed) return;
	const item = itemOf(row);
	if (item) toggle(item);
});
slice.addEventListener('focusin', (e) => {
	const row = e.target instanceof Element ? e.target.closest('.row') : null;
	const item = row && row === e.target && itemOf(row);
	if (item && item !== active && !list.refocuses) activate(item);
});

function switchLive() {
	if (isLive()) set({ live: false }, false);
	else if (state.end || state.time) set({ live: true, end: '', time: '' });
	else set({ live: true }, false);
}

function cancel() {
	entries.cancel();
	histogram.cancel();
	say('Cancelled', 0);
	showProgress();
}

/** @param {(item: Item) => void} action */
const withActive = (action) => () => { if (active) action(active); };
/** @param {() => unknown} action */
const key = (action) => (/** @type {KeyboardEvent} */ e) => {
	if (context.dialog.open) return;
	e.preventDefault();
	action();
};
/** @param {(e: KeyboardEvent) => void} action */
const inList = (action) => (/** @type {KeyboardEvent} */ e) => {
	if (!context.dialog.open && e.target instanceof Element && scroller.contains(e.target) && !e.target.closest('pre')) action(e);
};
listen({
	'/': key(() => { input.focus(); input.select(); }),
	'j': key(() => move(1)), 'k': key(() => move(-1)),
	'ArrowDown': inList(key(() => move(1))), 'ArrowUp': inList(key(() => move(-1))),
	'n': key(() => nextHit(1)), 'N': key(() => nextHit(-1)),
	'e': key(() => nextError(1)), 'E': key(() => nextError(-1)),
	'Enter': key(withActive(toggle)), 'm': key(withActive(choose)),
	'c': key(() => { if (chosen.size) copyChosen('text'); else if (active) copyItem(active, 'text'); }),
	'C': key(() => { if (chosen.size) copyChosen('grep'); else if (active) copyItem(active, 'grep'); }),
	'o': key(withActive((item) => set({ at: item.entry.cursor }))),
	't': key(() => rangeButton.click()), 's': key(() => savedButton.click()),
	'g': key(toNewest), 'G': key(() => { const last = list.at(list.length - 1); if (last) activate(last); }),
	'l': key(switchLive), 'w': key(() => set({ wrap: !state.wrap }, false)),
	'?': key(openHelp),
	'Escape': key(() => {
		if (entries.busy || histogram.busy) {
			cancel();
		} else {
			activate(null);
			release(false);
		}
	}),
});

async function begin() {
	shut = false;
	hideNotice();
	try {
		levels.show(await levelsOfServer());
	} catch (e) {
		const what = e instanceof ApiError ? e : new ApiError(0, String(e));
		if (what.status === 401 || what.status === 403) {
			refused(what);
			return;
		}
		showNotice(what.status ? 'This did not work' : 'No answer', [sentence(what.message)], [tryAgain(() => begin())]);
		setTimeout(() => { if (!levels.enabled.length) begin(); }, 5000);
		return;
	}
	run();
	if (state.at) context.open(state.at, zoneOf(state));
}

levels.show(LEVELS);
list.setWrap(state.wrap);
showState();
levels.show([]);
inSession();
begin();
