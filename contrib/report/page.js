// SPDX-FileCopyrightText: The sockline authors
// SPDX-License-Identifier: Apache-2.0
// Draws the chart of the page. Names from the records are texts for uPlot, never markup.
"use strict";
(() => {
	const data = JSON.parse(document.getElementById("data").textContent);
	const place = document.getElementById("chart");
	const colours = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999"];
	const units = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];

	function rate(value) {
		if (value === null || value === undefined)
			return "";
		let unit = 0;
		for (; value >= 1000 && unit < units.length - 1; unit++)
			value /= 1000;
		return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
	}

	function time(seconds, step) {
		const text = new Date(seconds * 1000).toISOString();
		return step < 60 ? text.slice(11, 19) : step < 86400 ? text.slice(11, 16) : text.slice(0, 10);
	}

	const axis = { stroke: "#888888", grid: { stroke: "#88888833" }, ticks: { stroke: "#88888866" } };
	const options = () => ({ width: place.clientWidth, height: 320 });
	const chart = new uPlot({
		...options(),
		tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
		axes: [{ ...axis, space: 80, values: (chart, splits, index, space, step) => splits.map((at) => time(at, step)) }, { ...axis, size: 80, values: (_, splits) => splits.map(rate) }],
		series: [{ label: "UTC", value: (_, at) => at === null ? "" : time(at, 86400) + " " + time(at, 1) }, ...data.programs.map((label, index) => ({
			label,
			stroke: colours[index % colours.length],
			width: 1.5,
			points: { show: data.times.length === 1 },
			paths: uPlot.paths.stepped({ align: 1 }),
			value: (_, value) => rate(value),
		}))],
	}, [data.times, ...data.rates], place);
	addEventListener("resize", () => chart.setSize(options()));
})();
