// SPDX-FileCopyrightText: The sockline authors
// SPDX-License-Identifier: Apache-2.0
// node query.cjs SQL: a JSON object for each row of the answer; sockline.sql is run first.
const { readFileSync } = require("node:fs");
const { DuckDBInstance } = require("@duckdb/node-api");

async function main(query) {
	const instance = await DuckDBInstance.create(":memory:");
	const connection = await instance.connect();
	await connection.run(readFileSync(`${__dirname}/sockline.sql`, "utf8"));
	const reader = await connection.runAndReadAll(query);
	// Numbers of more than 53 bits and times with nanoseconds come as strings.
	for (const row of reader.getRowObjectsJson())
		console.log(JSON.stringify(row));
}

main(process.argv[2]);
