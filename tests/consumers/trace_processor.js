// SPDX-License-Identifier: MIT
//
// Perfetto's trace_processor in node: requests of its RPC from stdin, its replies to stdout
//
//	node trace_processor.js FOLDER < requests > replies
//
// FOLDER has Perfetto's own files as they are: trace_processor.wasm, and the script that its web
// page runs as a worker. Here is the little of a browser that this needs. What the bytes mean is
// for consumers.t.
"use strict";

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const folder = process.argv[2];
const script = path.join(folder, "engine_bundle.node.js");

class Files {
	open(method, name) {
		this.name = name;
	}
	send() {
		this.response = new Uint8Array(fs.readFileSync(path.join(folder, this.name))).buffer;
	}
}

console.log = console.error;
Object.assign(globalThis, { self: globalThis, location: { href: "file:///" },
			    WorkerGlobalScope: Object, XMLHttpRequest: Files });
// Of the two builds that it knows, the one for 64 bits is not there.
vm.runInThisContext(fs.readFileSync(script, "utf8").replace("= hasMemory64Support()", "= false"),
		    { filename: script });

const port = { postMessage: (data) => fs.writeSync(1, data) };
self.onmessage({ data: port });
setImmediate(() => port.onmessage({ data: new Uint8Array(fs.readFileSync(0)) }));
