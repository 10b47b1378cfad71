// What is asked of the server: times, the address, the terms of q; and what it answers.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** @param {string} zone */
export function isZone(zone) {
	try {
		formatOf(zone);
		return true;
	} catch {
		return false;
	}
}

/** @param {string} zone */
function formatOf(zone) {
	let format = formats.get(zone);
	if (!format) {
		format = new Intl.DateTimeFormat('en-US', {
			timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric',
			hour: 'numeric', minute: 'numeric', second: 'numeric',
		});
		formats.set(zone, format);
	}
	return format;
}

/** @param {number} ms @param {string} zone */
export function offsetAt(ms, zone) {
	/** @type {Record<string, number>} */
	const f = {};
	for (const { type, value } of formatOf(zone).formatToParts(ms)) f[type] = Number(value);
	const date = new Date(0);
	date.setUTCFullYear(f.year, f.month - 1, f.day);
	date.setUTCHours(f.hour, f.minute, f.second);
	return date.getTime() - Math.floor(ms / 1000) * 1000;
}

/**
 * A local time of the zone as ms since the epoch; `local` is the same digits taken as UTC.
 * @param {number} local
 * @param {string} zone
 */
function fromLocal(local, zone) {
	const ms = local - offsetAt(local, zone);
	// The offset may be another one there; of a time that comes twice, the first.
	const early = local - offsetAt(ms - 86400000, zone);
	if (early + offsetAt(early, zone) === local) return early;
	const again = local - offsetAt(ms, zone);
	return again + offsetAt(again, zone) === local ? again : early;
}

/** @param {number} ms @param {string} zone */
export function local(ms, zone) {
	return new Date(ms + offsetAt(ms, zone)).toISOString().slice(0, -1).replace('T', ' ');
}

/** @param {number} ms @param {string} zone */
export const shortLocal = (ms, zone) => local(ms, zone).replace(/(:00)?\.000$/, '');

/** @type {Record<string, number>} */
export const UNITS = { s: 1000, m: 60000, h: 3600000, d: 86400000, w: 604800000 };

/** @param {string} text @param {number} now */
export function resolve(text, now) {
	const relative = /^-(\d+)([smhdw])$/.exec(text);
	if (relative) return now - Number(relative[1]) * UNITS[relative[2]];
	const ms = Date.parse(text);
	return Number.isNaN(ms) ? null : ms;
}

/** @param {number} ms */
export const iso = (ms) => new Date(ms).toISOString();

const grouped = new Intl.NumberFormat('en');

/** @param {number} n */
export const count = (n) => grouped.format(n);

/** @param {number} n @param {string} one @param {string} [many] */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const compact = new Intl.NumberFormat('en', { notation: 'compact', roundingMode: 'floor', maximumFractionDigits: 1 });

/** @param {number} n */
export const short = (n) => (n < 10000 ? count(n) : compact.format(n));

/** @param {number} n */
export function bytes(n) {
	if (n < 1000) return `${n} B`;
	let unit = 0;
	for (n /= 1024; n >= 1000 && unit < 3; ++unit) n /= 1024;
	return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${'KMGT'[unit]}iB`;
}

// A time as people write it.

const DAY = 86400000;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const CLOCK = /(?:^|[\sT]|at )\s*(\d{1,2})(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,3})\d*)?)?)?\s*([ap]m)?\s*(z|utc|[+-]\d\d:?\d\d)?$/i;

/**
 * Null: not understood.
 * @param {string} said
 * @param {string} zone
 * @param {number} now
 * @returns {{text: string, ms: number} | null} as addresses have it: "-15m", or ISO 8601
 */
export function when(said, zone, now) {
	const text = said.trim().toLowerCase();
	if (text === 'now') return at(now);
	const epoch = /^(\d{9,10}|\d{12,13})(?:\.\d+)?$/.exec(text);
	if (epoch) return at(epoch[1].length > 10 ? Number(text) : Number(text) * 1000);
	const ago = /^(?:last |past )?(-?)\s*(\d{1,6})?\s*([smhdw]|(?:sec|second|min|minute|hour|hr|day|week)s?)(\s+ago)?$/.exec(text);
	if (ago && (ago[2] || text.startsWith('last') || text.startsWith('past'))) {
		const short = `-${ago[2] ?? 1}${ago[3][0]}`;
		return { text: short, ms: resolve(short, now) ?? now };
	}
	return absolute(text, zone, now);
}

/** @param {number} ms @returns {{text: string, ms: number} | null} */
const at = (ms) => (Number.isFinite(ms) && Math.abs(ms) < 8e15 ? { text: iso(ms), ms } : null);

/** @param {string} text @param {string} zone @param {number} now */
function absolute(text, zone, now) {
	// The digits of the local day, taken as UTC.
	const today = Math.floor((now + offsetAt(now, zone)) / DAY) * DAY;
	const year = new Date(today).getUTCFullYear();
	let day = dayOf(text, today, year);
	let clock = 0;
	let offset;
	if (day === null || !day.alone) {
		const m = CLOCK.exec(text);
		const word = /^(.*?)\s*(?:at\s+)?(noon|midnight)$/.exec(text);
		if (word) {
			clock = word[2] === 'noon' ? DAY / 2 : 0;
			day = word[1] ? dayOf(word[1], today, year) : { ms: today, alone: true };
		} else if (m && (m[2] || m[5])) {
			let hours = Number(m[1]);
			if (m[5]) hours = (hours % 12) + (m[5].startsWith('p') ? 12 : 0);
			if (hours > 24 || Number(m[2] ?? 0) > 59 || Number(m[3] ?? 0) > 60) return null;
			clock = hours * UNITS.h + Number(m[2] ?? 0) * UNITS.m + Number(m[3] ?? 0) * 1000 + Number((m[4] ?? '0').padEnd(3, '0'));
			const rest = text.slice(0, m.index).replace(/\s*(\bat|,)$/, '').trim();
			day = rest ? dayOf(rest, today, year) : { ms: today, alone: true };
			offset = m[6];
		} else {
			return null;
		}
		if (!day?.alone) return null;
	}
	const local = day.ms + clock;
	if (!offset) return at(fromLocal(local, zone));
	const digits = /([+-])(\d\d):?(\d\d)/.exec(offset);
	const east = digits ? (Number(digits[2]) * 60 + Number(digits[3])) * (digits[1] === '-' ? -1 : 1) : 0;
	return at(local - east * UNITS.m);
}

/**
 * The day a text begins with; `alone`: it says nothing else.
 * @param {string} text
 * @param {number} today
 * @param {number} year
 * @returns {{ms: number, alone: boolean} | null}
 */
function dayOf(text, today, year) {
	/** @param {number} ms @param {string} matched */
	const found = (ms, matched) => ({ ms, alone: matched.length === text.length });
	/** @param {number} y @param {number} m @param {number} d @param {string} matched */
	const date = (y, m, d, matched) => {
		const ms = Date.UTC(y, m - 1, d);
		const back = new Date(ms);
		return back.getUTCMonth() === m - 1 && back.getUTCDate() === d ? found(ms, matched) : null;
	};
	const words = /^(today|yesterday|(?:last )?(sun|mon|tue|wed|thu|fri|sat)[a-z]*)\b/.exec(text);
	if (words && !words[2]) return found(today - (words[1] === 'today' ? 0 : DAY), words[0]);
	if (words) {
		// The last day of that name; today's own is a week ago.
		const back = (new Date(today).getUTCDay() - DAYS.indexOf(words[2]) + 6) % 7 + 1;
		return found(today - back * DAY, words[0]);
	}
	const big = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)/.exec(text);
	if (big) return date(Number(big[1]), Number(big[2]), Number(big[3]), big[0]);
	const little = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?(?!\d)/.exec(text);
	if (little) return date(Number(little[3] ?? year), Number(little[2]), Number(little[1]), little[0]);
	const named = /^(\d{1,2})\.?\s+([a-z]{3})[a-z]*\.?,?(?:\s+(\d{4}))?(?![\d:])/.exec(text);
	if (named && MONTHS.includes(named[2])) {
		return date(Number(named[3] ?? year), MONTHS.indexOf(named[2]) + 1, Number(named[1]), named[0]);
	}
	const american = /^([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(\d{4}))?(?![\d:])/.exec(text);
	if (american && MONTHS.includes(american[1])) {
		return date(Number(american[3] ?? year), MONTHS.indexOf(american[1]) + 1, Number(american[2]), american[0]);
	}
	return null;
}

/** @type {State} */
const standard = { q: '', levels: [], start: '-24h', end: '', time: '', zone: '', live: true, wrap: false, at: '' };

export const LEVELS = ['ERROR', 'WARNING', 'INFO', 'DEBUG'];

const bound = /^(-\d{1,6}[smhdw]|all|\d{4}-\d\d-\d\dT[\d:.+Z-]+)$/;

/** Anything may stand in an address: what can't be meant is left out. @param {string} search @returns {State} */
export function parse(search) {
	const given = new URLSearchParams(search);
	/** @param {string} name @param {RegExp} form */
	const get = (name, form) => {
		const value = given.get(name) ?? '';
		return form.test(value) ? value : '';
	};
	const zone = given.get('zone') ?? '';
	return {
		q: given.get('q') ?? '',
		levels: LEVELS.filter((l) => (given.get('level') ?? '').split(',').includes(l)),
		start: get('start', bound) || standard.start,
		end: get('end', bound),
		time: get('time', bound),
		zone: zone && isZone(zone) ? zone : '',
		live: given.get('live') !== '0',
		wrap: given.get('wrap') === '1',
		at: get('at', /^[\w.~-]+$/),
	};
}

/** @param {State} s */
export function print(s) {
	const out = new URLSearchParams();
	if (s.q) out.set('q', s.q);
	if (s.levels.length) out.set('level', s.levels.join(','));
	if (s.start !== standard.start) out.set('start', s.start);
	if (s.end) out.set('end', s.end);
	if (s.time) out.set('time', s.time);
	if (s.zone) out.set('zone', s.zone);
	if (!s.live) out.set('live', '0');
	if (s.wrap) out.set('wrap', '1');
	if (s.at) out.set('at', s.at);
	const text = String(out).replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/');
	return text ? `?${text}` : '';
}

/** @param {State} s */
export const zoneOf = (s) => s.zone || ownZone;

const TERM = /(-?)(?:"((?:[^"\\]|\\.)*)"|\/((?:[^/\\]|\\.)*)\/([a-z]*)|logger:(\S+)|(\S+))/gsu;

/** @param {string} q @returns {Term[]} */
export function terms(q) {
	return [...q.matchAll(TERM)].map((m) => {
		const [all, not, phrase, expression, flags, logger, word] = m;
		/** @type {[Term['kind'], string]} */
		const [kind, text] = expression !== undefined ? ['expression', expression]
			: logger !== undefined ? ['logger', logger]
			: ['text', phrase !== undefined ? phrase.replace(/\\(["\\])/g, '$1') : word];
		return { kind, text, flags: flags ?? '', not: not === '-', from: m.index, to: m.index + all.length };
	});
}

/** Case counts only when a capital letter is in it. @param {string} text */
const isCaseless = (text) => !/\p{Lu}/u.test(text);

/** @param {string} q @param {string} logger @param {boolean} keep */
export function withLogger(q, logger, keep) {
	const rest = terms(q).filter((t) => t.kind !== 'logger' || (t.text !== logger && (!keep || t.not)));
	const parts = rest.map((t) => q.slice(t.from, t.to));
	return [...parts, `${keep ? '' : '-'}logger:${logger}`].join(' ');
}

/** @param {string} text @param {number} byte */
export function placeOfByte(text, byte) {
	let place = 0;
	for (const c of text) {
		const code = c.codePointAt(0) ?? 0;
		byte -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		if (byte < 0) break;
		place += c.length;
	}
	return place;
}

// Where the hits of q are in a text. Expressions are looked for in a worker (this file, again): some would never end.

const MOST_MARKS = 500;
const PATIENCE = 1000; // ms

/** @returns {Worker} */
function startWorker() {
	const { url } = import.meta;
	const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('page-worker', { createScriptURL: String });
	return new Worker(policy?.createScriptURL(url) ?? url, { type: 'module' });
}

// What JavaScript does not know of PCRE2's marks nothing.
if (!globalThis.document) {
	addEventListener('message', ({ data }) => {
		/** @type {RegExp[]} */
		const expressions = [];
		for (const { source, flags } of data.expressions) {
			for (const f of [flags, flags.replace('u', '')]) {
				try {
					expressions.push(new RegExp(source, f));
					break;
				} catch { /* without Unicode's rules, or another dialect */ }
			}
		}
		postMessage(data.texts.map((/** @type {string} */ text) => {
			/** @type {number[]} */
			const pairs = [];
			for (const expression of expressions) {
				for (const m of text.matchAll(expression)) {
					if (m[0] && pairs.push(m.index, m.index + m[0].length) >= MOST_MARKS) break;
				}
			}
			return pairs;
		}));
	});
}

/** @param {number[]} pairs */
function merged(pairs) {
	/** @type {[number, number][]} */
	const spans = [];
	for (let i = 0; i < pairs.length; i += 2) spans.push([pairs[i], pairs[i + 1]]);
	spans.sort((a, b) => a[0] - b[0]);
	/** @type {number[]} */
	const out = [];
	for (const [from, to] of spans) {
		const last = out.length - 1;
		if (last > 0 && from <= out[last]) out[last] = Math.max(out[last], to);
		else out.push(from, to);
	}
	return out;
}

export class Marks {
	/** @param {() => void} onFound */
	constructor(onFound) {
		this.onFound = onFound;
		/** @type {{text: string, caseless: boolean}[]} */
		this.words = [];
		/** @type {{source: string, flags: string}[]} */
		this.expressions = [];
		/** @type {Map<string, number[]>} */
		this.found = new Map();
		/** @type {Set<string>} */
		this.wanted = new Set();
		/** @type {Worker | null} */
		this.worker = null;
		this.busy = false;
		this.tooSlow = false;
	}

	/** @param {string} q */
	setQuery(q) {
		const positive = terms(q).filter((t) => !t.not && t.text);
		this.words = positive.filter((t) => t.kind === 'text')
			.map(({ text }) => ({ text, caseless: isCaseless(text) }));
		this.expressions = positive.filter((t) => t.kind === 'expression' && !t.flags.includes('x'))
			.map(({ text, flags }) => ({
				source: text,
				flags: `gmu${flags.replace(/[^is]/g, '')}`,
			}));
		this.found.clear();
		this.wanted.clear();
		this.tooSlow = false;
		this.endWorker();
	}

	get any() {
		return this.words.length + this.expressions.length > 0;
	}

	endWorker() {
		this.worker?.terminate();
		this.worker = null;
		this.busy = false;
	}

	/** @param {string} text @returns {number[]} */
	of(text) {
		if (!this.any || !text) return [];
		/** @type {number[]} */
		const pairs = [];
		/** @type {string | undefined} */
		let lower;
		for (const word of this.words) {
			let where = text, what = word.text;
			if (word.caseless) {
				lower ??= text.toLowerCase();
				// A letter whose small form has another length: places would be others.
				if (lower.length === text.length) [where, what] = [lower, what.toLowerCase()];
			}
			for (let i = where.indexOf(what); i >= 0 && pairs.length < MOST_MARKS; i = where.indexOf(what, i + what.length)) {
				pairs.push(i, i + what.length);
			}
		}
		if (this.expressions.length && !this.tooSlow) {
			const found = this.found.get(text);
			if (found) pairs.push(...found);
			else this.want(text);
		}
		return merged(pairs);
	}

	/** @param {string} text */
	want(text) {
		if (!this.wanted.size && !this.busy) setTimeout(() => this.look(), 0);
		this.wanted.add(text);
	}

	look() {
		if (this.busy || !this.wanted.size) return;
		const texts = [...this.wanted];
		this.wanted.clear();
		this.busy = true;
		this.worker ??= startWorker();
		const worker = this.worker;
		const timer = setTimeout(() => {
			if (this.worker !== worker) return;
			this.tooSlow = true;
			this.endWorker();
		}, PATIENCE);
		worker.onmessage = (/** @type {MessageEvent<number[][]>} */ { data }) => {
			clearTimeout(timer);
			if (this.worker !== worker) return;
			this.busy = false;
			if (this.found.size > 5000) this.found.clear();
			texts.forEach((text, i) => this.found.set(text, data[i]));
			if (data.some((pairs) => pairs.length)) this.onFound();
			this.look();
		};
		worker.onerror = () => {
			clearTimeout(timer);
			this.tooSlow = true;
			this.endWorker();
		};
		worker.postMessage({ expressions: this.expressions, texts });
	}
}

export class ApiError extends Error {
	/** @param {number} status @param {string} message @param {number} [at] */
	constructor(status, message, at) {
		super(message);
		this.status = status;
		this.at = at;
	}
}

// How far the server's clock is ahead: relative times mean that one.
let skew = 0;

export const now = () => Date.now() + skew;

/** @param {Response} answer */
function noteClock(answer) {
	const date = Date.parse(answer.headers.get('Date') ?? '');
	if (Math.abs(date - Date.now()) > 3000) skew = date - Date.now();
	else if (!Number.isNaN(date)) skew = 0;
}

/** @param {unknown} e */
export const isAbort = (e) => e instanceof DOMException && e.name === 'AbortError';

/** @param {unknown} e */
export const messageOf = (e) => (e instanceof Error ? e.message : String(e));

/** @param {Response} answer */
async function errorOf(answer) {
	let text = '';
	/** @type {number | undefined} */
	let at;
	try {
		const told = JSON.parse(await answer.text());
		if (typeof told.error === 'string') text = told.error;
		if (typeof told.at === 'number') at = told.at;
	} catch (e) {
		if (isAbort(e)) throw e;
	}
	return new ApiError(answer.status, text || `the answer was ${answer.status} ${answer.statusText}`, at);
}

/** @param {string} path @param {Query} parameters @param {RequestInit} [options] */
export async function ask(path, parameters, options = {}) {
	/** @type {Response} */
	let answer;
	try {
		answer = await fetch(`api/${path}${queryOf(parameters)}`, { cache: 'no-store', ...options });
	} catch (e) {
		if (isAbort(e)) throw e;
		throw new ApiError(0, 'the server is away, or the network is');
	}
	noteClock(answer);
	if (!answer.ok) throw await errorOf(answer);
	return answer;
}

/** @param {Query} parameters */
export function queryOf(parameters) {
	const query = new URLSearchParams();
	for (const [name, value] of Object.entries(parameters)) if (value !== '') query.append(name, value);
	return query.size ? `?${query}` : '';
}

/**
 * The lines as they come. One of many MiB comes in many parts: each is looked at once.
 * @param {Response} answer
 */
export async function* lines(answer) {
	if (!answer.body) return;
	const reader = answer.body.getReader();
	const decoder = new TextDecoder();
	/** @type {string[]} */
	let parts = [];
	try {
		for (;;) {
			const { done, value } = await reader.read();
			const text = decoder.decode(value, { stream: !done });
			let from = 0;
			for (let to; (to = text.indexOf('\n', from)) >= 0; from = to + 1) {
				parts.push(text.slice(from, to));
				yield parts.length === 1 ? parts[0] : parts.join('');
				parts = [];
			}
			if (from < text.length) parts.push(text.slice(from));
			if (done) break;
		}
		if (parts.length) yield parts.join('');
	} catch (e) {
		if (isAbort(e)) throw e;
		throw new ApiError(0, 'the answer was cut off: the server is away, or the network is');
	} finally {
		// Whoever stops reading early wants no more of it.
		reader.cancel().catch(() => {});
	}
}

/** @type {Missing} servers that did not answer, and why */
export const missing = new Map();

/** @param {Missing} servers */
export const missingInWords = (servers) =>
	(servers.size ? `Not all here: ${[...servers].map(([server, why]) => `${server} (${why})`).join(', ')}` : '');

/** @param {any} record @returns {Missing} */
export const missingOf = (record) => new Map(record.missing?.map((/** @type {any} */ { server, why }) => [server, why]));

/** @param {string} path @param {Query} parameters @param {AbortSignal} signal */
export async function* records(path, parameters, signal) {
	const answer = await ask(path, { ...parameters, partial: '1' }, { signal });
	let ended = false;
	for await (const line of lines(answer)) {
		if (!line) continue;
		/** @type {any} */
		let record;
		try {
			record = JSON.parse(line);
		} catch {
			break;
		}
		ended = record.end === true;
		if (ended) for (const [server, why] of missingOf(record)) missing.set(server, why);
		yield record;
	}
	if (!ended) throw new ApiError(0, 'the answer was cut off: the server is away, or the network is');
}

// Kept of a text: a page of entries of many MiB must not fill the memory.
const KEPT = 65536;

/** @param {any} record @returns {Entry} */
export function entryOf(record) {
	const text = String(record.text ?? '');
	const entry = {
		ts: record.ts ?? null,
		level: record.level ?? null,
		logger: record.logger ?? null,
		message: record.message ?? null,
		text,
		cursor: String(record.cursor),
		server: record.server,
		here: record.here,
	};
	if (text.length <= KEPT) return entry;
	return {
		...entry,
		logger: entry.logger && own(entry.logger, 1000),
		level: entry.level && own(entry.level, 1000),
		message: entry.message && own(entry.message, KEPT),
		text: own(text, KEPT),
		cut: text.length - KEPT,
	};
}

/** A slice would keep the whole alive. @param {string} text @param {number} length */
function own(text, length) {
	return text.length <= length ? text : JSON.parse(JSON.stringify(text.slice(0, length)));
}

/** @param {Entry} entry */
export async function wholeText(entry) {
	if (!entry.cut) return entry.text;
	const parameters = { cursor: entry.cursor, before: '0', after: '0' };
	for await (const record of records('log/context', parameters, new AbortController().signal)) {
		if (record.here) return String(record.text);
	}
	return entry.text;
}

/** @param {string} token */
export async function login(token) {
	await ask('login', {}, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ token }),
	});
}

export async function logout() {
	await ask('logout', {}, { method: 'POST' });
}

export async function levelsOfServer() {
	const answer = await ask('login-check', {});
	/** @type {unknown} */
	const told = (await answer.json()).logLevels;
	return Array.isArray(told) ? told.map(String) : [];
}

// The server says something every 15 s.
const SILENCE = 40000;
const FIRST_PAUSE = 500, LONGEST_PAUSE = 15000;
const BATCH = 30;

export class Tail {
	/** @param {Query} parameters @param {Listener} listener */
	constructor(parameters, listener) {
		this.parameters = parameters;
		this.listener = listener;
		this.lastId = '';
		this.stopped = new AbortController();
		/** @type {Entry[]} */
		this.batch = [];
		/** @type {number | undefined} */
		this.timer = undefined;
		this.wake = () => {};
		this.wakeUp = () => this.wake();
		addEventListener('online', this.wakeUp);
		this.run();
	}

	stop() {
		this.stopped.abort();
		removeEventListener('online', this.wakeUp);
		clearTimeout(this.timer);
		this.batch = [];
		this.wake();
	}

	async run() {
		let pause = FIRST_PAUSE;
		while (!this.stopped.signal.aborted) {
			const began = Date.now();
			/** @type {ApiError} */
			let error;
			try {
				await this.connect();
				error = new ApiError(0, 'the connection has ended');
			} catch (e) {
				if (this.stopped.signal.aborted) return;
				error = e instanceof ApiError ? e : new ApiError(0, isAbort(e) ? 'nothing came for a while' : String(e));
			}
			if (this.stopped.signal.aborted) return;
			this.flush();
			// Asked again, these would be answered the same.
			if (error.status >= 400 && error.status < 500 && error.status !== 429) {
				this.listener.ended(error);
				return;
			}
			if (Date.now() - began > 5000) pause = FIRST_PAUSE;
			// Not all viewers at the same time, after a restart.
			const wait = pause * (0.75 + Math.random() / 2);
			this.listener.away(error, Math.ceil(wait / 1000));
			await new Promise((resolve) => {
				this.wake = () => resolve(undefined);
				setTimeout(resolve, wait);
			});
			pause = Math.min(pause * 2, LONGEST_PAUSE);
		}
	}

	async connect() {
		const attempt = new AbortController();
		const abort = () => attempt.abort();
		this.stopped.signal.addEventListener('abort', abort);
		let watch = setTimeout(abort, SILENCE);
		try {
			/** @type {Query} */
			const headers = this.lastId ? { 'Last-Event-ID': this.lastId } : {};
			const answer = await ask('log/tail', { ...this.parameters, partial: '1' }, { signal: attempt.signal, headers });
			this.listener.open(this.lastId !== '');
			let id = this.lastId, event = '', data = '';
			for await (const raw of lines(answer)) {
				clearTimeout(watch);
				watch = setTimeout(abort, SILENCE);
				const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
				if (line === '') {
					// Only what came whole counts.
					this.lastId = id;
					if (data) this.take(event, data, id);
					event = data = '';
				} else if (line.startsWith('data:')) {
					data += line.slice(line[5] === ' ' ? 6 : 5);
				} else if (line.startsWith('id:')) {
					id = line.slice(3).trim();
				} else if (line.startsWith('event:')) {
					event = line.slice(6).trim();
				}
			}
		} finally {
			clearTimeout(watch);
			this.stopped.signal.removeEventListener('abort', abort);
		}
	}

	/** @param {string} event @param {string} data @param {string} id */
	take(event, data, id) {
		/** @type {any} */
		let record;
		try {
			record = JSON.parse(data);
		} catch {
			throw new ApiError(0, 'the answer is not what this page understands');
		}
		if (event === 'dropped') {
			this.flush();
			this.listener.dropped(Number(record.dropped) || 0);
		} else if (event === 'missing') {
			this.listener.missing(missingOf(record));
		} else if (!event || event === 'message' || event === 'entry') {
			this.batch.push({ ...entryOf(record), after: id });
			this.timer ??= setTimeout(() => this.flush(), BATCH);
		}
	}

	flush() {
		clearTimeout(this.timer);
		this.timer = undefined;
		const batch = this.batch;
		this.batch = [];
		if (batch.length && !this.stopped.signal.aborted) this.listener.entries(batch);
	}
}

const FIRST_PAGE = 200;
const PAGE = 500;
// Rows in memory; those beyond are dropped at the other end.
const MOST = 300000, MOST_LIVE = 110000;

/** @param {'backward' | 'forward'} direction @returns {Edge} */
const edge = (direction) => ({
	direction, next: '', begun: false, done: false, busy: false, stopped: '', error: null, lost: false,
});

export class Entries {
	/**
	 * @param {import('./view.js').List} list
	 * @param {() => void} onChange
	 */
	constructor(list, onChange) {
		this.list = list;
		this.onChange = onChange;
		/** @type {Query} */
		this.selection = {};
		this.time = '';
		this.older = edge('backward');
		this.newer = edge('forward');
		/** @type {Set<string>} */
		this.known = new Set();
		this.figures = { scanned: 0, of: 0, ms: 0 };
		this.aborter = new AbortController();
		this.detached = false; // the newest are no longer in memory
	}

	/** @param {Query} selection @param {string} time */
	begin(selection, time) {
		this.aborter.abort();
		this.aborter = new AbortController();
		this.selection = selection;
		this.time = time;
		this.older = edge('backward');
		this.newer = edge('forward');
		this.newer.done = !time;
		this.known.clear();
		this.detached = false;
		this.figures = { scanned: 0, of: 0, ms: 0 };
		this.list.clear();
	}

	get busy() {
		return this.older.busy || this.newer.busy;
	}

	cancel() {
		for (const e of [this.older, this.newer]) if (e.busy) e.stopped = 'cancelled';
		this.aborter.abort();
		this.aborter = new AbortController();
	}

	/** @param {Edge} e @param {boolean} [resume] */
	async load(e, resume = false) {
		if (e.busy || e.done || ((e.stopped || e.error) && !resume)) return;
		e.busy = true;
		e.stopped = '';
		e.error = null;
		const signal = this.aborter.signal;
		/** @type {Query} */
		const parameters = { ...this.selection, direction: e.direction, limit: String(e.begun ? PAGE : FIRST_PAGE) };
		if (e.next) parameters.cursor = e.next;
		else this.aim(e, parameters);
		/** @type {Entry[]} */
		let batch = [];
		let frame = 0;
		const flush = () => {
			cancelAnimationFrame(frame);
			frame = 0;
			if (!batch.length || signal.aborted) return;
			if (e === this.older) this.list.append(batch);
			else this.list.prepend(batch.reverse(), true);
			batch = [];
			this.onChange();
		};
		this.onChange();
		let ended = false;
		try {
			for await (const record of records('log/query', parameters, signal)) {
				if (record.end) {
					ended = true;
					Object.assign(this.figures, { scanned: record.scanned, of: record.of, ms: record.ms });
					e.next = record.next ?? '';
					e.lost = false;
					e.begun = true;
					const why = String(record.why ?? '');
					e.done = record.complete || !record.next;
					if (why === 'deadline') e.stopped = why;
					else if (why.startsWith('failed')) e.error = new ApiError(503, why.replace(/^failed: */, ''));
				} else if (record.progress) {
					Object.assign(this.figures, { scanned: record.scanned, of: record.of });
					this.onChange();
				} else if (!this.known.has(record.cursor)) {
					const entry = entryOf(record);
					this.known.add(entry.cursor);
					batch.push(entry);
					frame ||= requestAnimationFrame(flush);
				}
			}
		} catch (error) {
			if (signal !== this.aborter.signal && !e.stopped) return; // begun anew meanwhile
			if (!isAbort(error)) e.error = error instanceof ApiError ? error : new ApiError(0, String(error));
		} finally {
			e.busy = false;
			flush();
			if (!ended && this.list.length) {
				e.next = '';
				e.lost = true;
			}
		}
		if (e === this.older) {
			while (this.list.length > MOST) {
				this.forget(this.list.drop(true));
				this.detached = true;
			}
		}
		this.onChange();
	}

	/** @param {Edge} e @param {Query} parameters */
	aim(e, parameters) {
		const bound = e.direction === 'backward' ? 'end' : 'start';
		if (e.lost) {
			const last = this.list.at(e === this.older ? this.list.length - 1 : 0)?.entry.ts;
			// The entry itself once more, and those of the same time: they are known.
			if (last) parameters[bound] = bound === 'end' ? new Date(Date.parse(last) + 1).toISOString() : last;
		} else if (this.time) {
			parameters[bound] = this.time;
		}
	}

	/** @param {Item[]} items */
	forget(items) {
		for (const { entry } of items) this.known.delete(entry.cursor);
	}

	/** @param {Entry[]} entries */
	add(entries) {
		this.list.prepend(entries.reverse(), false);
		while (this.list.length > MOST_LIVE && !this.older.busy) {
			const dropped = this.list.drop(false);
			this.forget(dropped);
			this.older.next = dropped[0].entry.after ?? '';
			this.older.lost = !this.older.next;
			this.older.done = false;
		}
	}

	/** @param {Entry[]} entries */
	unknown(entries) {
		return entries.filter(({ cursor }) => !this.known.has(cursor) && this.known.add(cursor));
	}

	/** What came between the query and the tail, oldest first. @param {AbortSignal} signal */
	async missed(signal) {
		/** @type {Entry[]} */
		const found = [];
		const empty = !this.list.length;
		for (let next = '', more = true; more;) {
			more = false;
			/** @type {Query} */
		const parameters = { ...this.selection, direction: 'backward', limit: '500', cursor: next };
			for await (const record of records('log/query', parameters, signal)) {
				if (record.progress) continue;
				if (record.end) {
					next = record.next ?? '';
					more = next !== '' && found.length < 20000;
				} else if (this.known.has(record.cursor)) {
					return found.reverse();
				} else {
					found.push(entryOf(record));
				}
			}
			if (empty) break;
		}
		return found.reverse();
	}
}
