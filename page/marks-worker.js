// Looks for expressions in texts; see Marks in query.js. What JavaScript does not know of PCRE2's marks nothing.

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
				if (m[0] && pairs.push(m.index, m.index + m[0].length) >= 500) break;
			}
		}
		return pairs;
	}));
});
