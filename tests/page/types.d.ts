// The types that several parts of the page share. For the check only: no browser reads this.

/** What is looked at; see address.js. */
interface State {
	q: string;
	/** none: all */
	levels: string[];
	/** "-24h", ISO 8601, or "all" */
	start: string;
	/** ISO 8601, or "": now and later */
	end: string;
	/** where the list begins, or "" */
	time: string;
	/** a name of the time zone database, or "": this browser's */
	zone: string;
	live: boolean;
	wrap: boolean;
	/** the cursor of the entry whose context is shown, or "" */
	at: string;
}

type Query = Record<string, string>;

/** Servers that did not answer, and why. */
type Missing = Map<string, string>;

interface Entry {
	/** ISO 8601, with the offset of the zone that was asked for */
	ts: string | null;
	level: string | null;
	logger: string | null;
	message: string | null;
	/** as it is in the file */
	text: string;
	/** where it is, if several are read as one */
	server?: string;
	cursor: string;
	/** in a context: the entry that was asked about */
	here?: boolean;
	/** characters of the text that were left out here */
	cut?: number;
	/** of an entry that came live: the place after it, in all levels */
	after?: string;
}

/** An entry in a list. */
interface Item {
	entry: Entry;
	block: Block;
	/** a guess, until it is measured */
	height: number;
	measured: boolean;
	/** folded out */
	open: boolean;
	/** marked, for copying several */
	chosen: boolean;
	/** characters of the text that are shown, folded out */
	shown?: number;
}

/** Rows are kept in blocks, so that the place of one is found without looking at all. */
interface Block {
	items: Item[];
	/** of the heights */
	sum: number;
}

/** One end of the list. */
interface Edge {
	direction: 'backward' | 'forward';
	/** the cursor to go on from */
	next: string;
	begun: boolean;
	/** there is no more */
	done: boolean;
	busy: boolean;
	/** why it did not go on: "deadline", "cancelled" */
	stopped: string;
	error: import('../../page/query.js').ApiError | null;
	/** there are more, and no cursor: found again by the time of the last */
	lost: boolean;
}

/** A part of q. */
interface Term {
	kind: 'text' | 'expression' | 'logger';
	text: string;
	/** of an expression */
	flags: string;
	not: boolean;
	/** where it stands in q */
	from: number;
	to: number;
}

/** Of a histogram: from a time on, bars of so many ms. */
interface Hits {
	start: number;
	width: number;
	counts: Record<string, number[]>;
}

/** Who is told what a tail brings. */
interface Listener {
	/** oldest first */
	entries(entries: Entry[]): void;
	/** that many were left out: this viewer was too slow */
	dropped(n: number): void;
	/** who of several servers does not send what is new; empty: all do */
	missing(servers: Missing): void;
	/** connected; from a known place, or only from now on */
	open(resumed: boolean): void;
	/** tried again in so many seconds */
	away(e: import('../../page/query.js').ApiError, seconds: number): void;
	/** not tried again */
	ended(e: import('../../page/query.js').ApiError): void;
}

/** What can be done with a row. */
interface Actions {
	toggle(item: Item): void;
	logger(logger: string, from: HTMLElement): void;
	more(item: Item): void;
	copy(item: Item, how: 'text' | 'grep' | 'link'): void;
	context(item: Item): void;
	choose(item: Item): void;
}

interface How {
	wrap: boolean;
	active: boolean;
	marks(text: string): number[];
}

interface Saved {
	name: string;
	search: string;
}

/** The elements that index.html has, by id. */
interface Parts {
	bar: HTMLDivElement;
	'bar-done': HTMLDivElement;
	cancel: HTMLButtonElement;
	chosen: HTMLSpanElement;
	connection: HTMLSpanElement;
	context: HTMLDialogElement;
	download: HTMLAnchorElement;
	foot: HTMLDivElement;
	held: HTMLButtonElement;
	help: HTMLDialogElement;
	'help-open': HTMLButtonElement;
	histogram: HTMLElement;
	levels: HTMLDivElement;
	live: HTMLButtonElement;
	logout: HTMLButtonElement;
	missing: HTMLParagraphElement;
	notice: HTMLDivElement;
	q: HTMLInputElement;
	'q-error': HTMLParagraphElement;
	range: HTMLButtonElement;
	said: HTMLDivElement;
	saved: HTMLButtonElement;
	scroller: HTMLDivElement;
	search: HTMLFormElement;
	slice: HTMLDivElement;
	spacer: HTMLDivElement;
	status: HTMLSpanElement;
	wrap: HTMLButtonElement;
}
