// Runs SIP.js as a client of the lab: the actor protocol (docs/actor-protocol.md) on standard input and output.
// Its one argument is the folder with the packages sip.js and ws. It waits for events alone and polls nothing.

import { appendFileSync, readFileSync } from "node:fs";
import { Agent } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { reconnecting } from "./reconnecting.mjs";
import { silentDescription } from "./silent_description.mjs";

const packages = process.argv[2];
const { WebSocket: NodeWebSocket } = createRequire(join(packages, "none.js"))("ws");
const { version } = JSON.parse(readFileSync(join(packages, "sip.js", "package.json"))); // itself it takes for 0.21.1
const offers = ["crlf-keepalive", "options-ping", "reconnect", "register"];

function tell(ev, fields = {}) {
  process.stdout.write(JSON.stringify({ ev, at: Number(process.hrtime.bigint()) / 1e9, ...fields }) + "\n");
}

// Draws numbers that repeat with the seed (mulberry32); SIP.js takes its tags and branches from Math.random.
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Tells a SIP message whole; CRLF is none.
function tellMessage(way, data) {
  const text = data.toString();
  if (text.trim()) tell("sip-message", { way, text });
}

// The WebSocket that SIP.js finds: the package ws, with the CA of the run, and told to the lab.
function webSocket(start) {
  const tls = start.ca ? { ca: readFileSync(start.ca) } : {};
  if (start.certificate) {
    Object.assign(tls, { cert: readFileSync(start.certificate), key: readFileSync(start.key) });
  }
  if (start.keylog) {
    tls.agent = new Agent(tls);
    tls.agent.on("keylog", (line) => appendFileSync(start.keylog, line));
  }
  let count = 0;
  return class extends NodeWebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ...tls, perMessageDeflate: false });
      const said = { id: `w${++count}`, type: start.transport };
      this.once("upgrade", ({ socket }) => {
        Object.assign(said, {
          local: `${socket.localAddress}:${socket.localPort}`,
          remote: `${socket.remoteAddress}:${socket.remotePort}`,
        });
        tell("transport", { ...said, state: "connected" });
      });
      this.on("message", (data) => tellMessage("received", data));
      let why = "";
      this.on("error", (error) => (why = error.message));
      this.once("close", (code, reason) => {
        if (said.local) {
          const text = [`WebSocket closed with code ${code}`, reason.toString(), why].filter(Boolean).join(": ");
          tell("transport", { ...said, state: "disconnected", reason: text });
          tell("transport", { ...said, state: "destroyed", reason: text });
        }
      });
    }

    send(data, ...more) {
      tellMessage("sent", data);
      super.send(data, ...more);
    }
  };
}

async function run(start) {
  Math.random = seeded(start.seed);
  globalThis.WebSocket = webSocket(start);
  const sip = await import(pathToFileURL(join(packages, "sip.js", "lib", "index.js")).href);
  const wanted = Object.fromEntries(start.mitigations.map((one) => [one.kind, one]));
  const registers = start.account !== "subscribe" || "register" in wanted;
  const subscribes = start.account !== "register";
  const setUp = { registered: !registers, subscribed: !subscribes };
  let silent = false;

  function done(what) {
    if (!setUp[what]) {
      setUp[what] = true;
      tell(what);
      if (what === "registered" && subscribes) subscribe();
      if (setUp.registered && setUp.subscribed) beSilent();
    }
  }

  const userAgent = new sip.UserAgent({
    uri: sip.UserAgent.makeURI(`sip:${start.user}@${start.domain}`),
    authorizationUsername: start.user,
    authorizationPassword: start.password ?? "",
    transportOptions: {
      server: `${start.transport}://${start.name || start.server}:${start.port}`,
      keepAliveInterval: wanted["crlf-keepalive"]?.interval ?? 0,
    },
    sessionDescriptionHandlerFactory: () => silentDescription(start.server),
    logBuiltinEnabled: false,
    logConnector: (level, category, label, content) => process.stderr.write(`${level} ${category} ${content}\n`),
    delegate: {
      onMessage: (message) => message.accept().then(() => tell("message", { text: message.request.body })),
      onInvite: call,
      onDisconnect: (error) => silent && error && wanted.reconnect && again(),
    },
  });

  const { transport } = userAgent;
  const send = transport.send.bind(transport);
  transport.send = (message) => {
    const sent = /^([A-Z]+) \S+ SIP\/2\.0\r\n/.exec(message);
    const field = (pattern) => pattern.exec(message)?.[1] ?? null;
    if (sent) {
      tell("request-sent", {
        method: sent[1],
        call_id: field(/^Call-ID: *(\S+)/im),
        cseq: Number(field(/^CSeq: *(\d+)/im)),
        via: field(/^Via: *SIP\/2\.0\/\w+ ([^;\s]+)/im),
        contact: field(/^Contact: *[^<\r\n]*<sips?:(?:[^@>]*@)?([^;>]+)/im),
      });
    }
    return send(message);
  };

  const registerer = registers && new sip.Registerer(userAgent, { expires: wanted.register?.expiry });

  // Each REGISTER passes here, the Registerer's own refreshes too, and so does its final answer: 408 is SIP.js's own.
  const core = userAgent.userAgentCore;
  const sendRegister = core.register.bind(core);
  core.register = (request, delegate = {}) => {
    const answered = (to) => (response) => {
      tell("registration", { code: response.message.statusCode, reason: response.message.reasonPhrase });
      delegate[to]?.(response);
    };
    return sendRegister(request, { ...delegate, onAccept: answered("onAccept"), onReject: answered("onReject") });
  };

  // Sends REGISTER; resolves with whether it was accepted. Refreshes are SIP.js's own affair.
  function register() {
    return new Promise((resolve, reject) => {
      const requestDelegate = {
        onAccept: () => (done("registered"), resolve(true)),
        onReject: () => resolve(false),
      };
      registerer.register({ requestDelegate }).catch(reject);
    });
  }

  let subscriber;
  function subscribe() {
    subscriber?.dispose().catch(() => {});
    const peer = sip.UserAgent.makeURI(`sip:${start.peer}@${start.domain}`);
    subscriber = new sip.Subscriber(userAgent, peer, "presence");
    subscriber.delegate = {
      onNotify: (notification) => {
        notification.accept();
        tell("notify", { note: /<note[^>]*>([^<]*)</.exec(notification.request.body)?.[1] ?? null });
        done("subscribed");
      },
    };
    subscriber.stateChange.addListener((state) => {
      const told = { NotifyWait: "pending", Subscribed: "active", Terminated: "terminated" }[state];
      if (told) tell("subscription", { state: told });
    });
    return subscriber.subscribe();
  }

  function call(invitation) {
    const call_id = invitation.request.callId;
    tell("call", { state: "incoming", call_id });
    invitation.stateChange.addListener((state) => {
      if (state === "Established") tell("call", { state: "confirmed", call_id });
      if (state === "Terminated") tell("call", { state: "disconnected", call_id });
    });
    const rings = Number(invitation.request.getHeader("X-Ring") ?? 0);
    setTimeout(() => invitation.accept().catch((error) => process.stderr.write(`${error}\n`)), rings * 1000);
  }

  function ping() {
    const peer = sip.UserAgent.makeURI(`sip:${start.domain}`);
    const request = core.makeOutgoingRequestMessage("OPTIONS", peer, userAgent.configuration.uri, peer, {});
    const told = ({ message }) =>
      tell("options-answer", { code: message.statusCode, reason: message.reasonPhrase });
    core.request(request, { onAccept: told, onReject: told });
  }

  const again = reconnecting(wanted.reconnect, async () => {
    await userAgent.reconnect();
    const accepted = registers ? await register() : true;
    if (subscribes) await subscribe();
    return accepted;
  });

  function beSilent() {
    silent = true;
    if ("options-ping" in wanted) setInterval(ping, wanted["options-ping"].interval * 1000);
  }

  tell("ready", { version: `SIP.js ${version} on Node ${process.versions.node}`, mitigations: offers });
  await userAgent.start();
  await (registers ? register() : subscribe());
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.do === "start") {
      run(command).catch((error) => process.stderr.write(`${error.stack ?? error}\n`));
    } else if (command.do === "ip-changed") {
      tell("ip-changed", { code: 0 });
    } else if (command.do === "stop") {
      process.exit(0);
    }
  })
  .on("close", () => process.exit(0));
