// SPDX-FileCopyrightText: The sockline authors
// SPDX-License-Identifier: Apache-2.0
// node ajv.cjs SCHEMA FILE...: how many records of each file are invalid; fails where the schema is not strict.
const { readFileSync } = require("node:fs");
const Ajv = require("ajv/dist/2020");

const [schema, ...files] = process.argv.slice(2);
const ajv = new Ajv({ strict: true, strictRequired: false });
require("ajv-formats")(ajv);
const validate = ajv.compile(JSON.parse(readFileSync(schema, "utf8")));
for (const file of files) {
	const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
	console.log(lines.filter((line) => !validate(JSON.parse(line))).length);
}
