// Reads AsyncAPI documents with AsyncAPI's own parser. Prints what it finds wrong; exits 1 if that is anything.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const WARNING = 1; // 0 is an error; what is more than a warning are hints, as that a newer version of AsyncAPI exists

let wrong = 0;
for (const path of process.argv.slice(2)) {
  const { diagnostics } = await new Parser().parse(readFileSync(path, "utf-8"), { source: path });
  for (const { severity, path: where, message } of diagnostics) {
    if (severity <= WARNING) {
      wrong += 1;
      console.log(`${where.join(".")}: ${message}`);
    }
  }
}
process.exit(wrong ? 1 : 0);
