// Sends one message with nodemailer over verified STARTTLS, as a Node program would, and tells what it was told.
//
// Standard input: one JSON object { port, authority, source, helo, message }, `message` as nodemailer's sendMail takes
// it, but `raw` in base64. Standard output: one JSON object, what sendMail came to: { accepted, rejected, response } or
// { error, responseCode, response }.
"use strict";

const { readFileSync } = require("node:fs");
const nodemailer = require(process.argv[2]);

const task = JSON.parse(readFileSync(0, "utf8"));
if (task.message.raw) task.message.raw = Buffer.from(task.message.raw, "base64");
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: task.port,
  name: task.helo,
  localAddress: task.source,
  requireTLS: true,
  tls: { ca: readFileSync(task.authority), minVersion: "TLSv1.2" },
});
transport.sendMail(task.message).then(
  ({ accepted, rejected, rejectedErrors, response }) => {
    const refusals = (rejectedErrors || []).map((error) => error.response);
    console.log(JSON.stringify({ accepted, rejected, refusals, response }));
  },
  ({ code, responseCode, response }) => console.log(JSON.stringify({ error: code, responseCode, response })),
);
