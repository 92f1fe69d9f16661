// Sends MESSAGES personal mails of about SIZE bytes over CONNECTIONS pooled connections; prints messages a second.
// Usage: node nodemailer_pool.mjs PORT MESSAGES CONNECTIONS SIZE
import nodemailer from "nodemailer";

const [port, messages, connections, size] = process.argv.slice(2).map(Number);
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port,
  pool: true,
  maxConnections: connections,
  maxMessages: Infinity,
  secure: false,
  ignoreTLS: true,
});
const filler = "We are sorry, and we will write again by 4:15 am, even if we know nothing new. ";

function compose(number) {
  const place = `${number} Oak St`;
  const link = `https://example.com/u/${number.toString(16).padStart(40, "0")}`;
  const words = filler.repeat(Math.max(1, Math.round((size - 1700) / (2 * filler.length))));
  return {
    from: "Example Utility <outages@example.com>",
    replyTo: "help@example.com",
    to: `customer${number}@example.net`,
    envelope: { from: `bounces+${number}@example.com`, to: `customer${number}@example.net` },
    subject: `Power out at ${place}: next update by 4:15 am`,
    messageId: `<${number}@example.com>`,
    headers: {
      "Auto-Submitted": "auto-generated",
      "List-Unsubscribe": `<${link}>`,
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    text: `We are sorry. Power at ${place} has been out since about 2:10 am.\n\n${words}\n\nStop: ${link}\n`,
    html: `<!doctype html><html lang="en"><body><h1>Power out at ${place}</h1><p>We are sorry.</p><p>${words}</p><p><a href="${link}">Stop</a></p></body></html>`,
  };
}

const began = process.hrtime.bigint();
let next = 1;
async function sendSome() {
  while (next <= messages) await transport.sendMail(compose(next++));
}
await Promise.all(Array.from({ length: connections * 2 }, sendSome));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
transport.close();
console.log(messages / seconds);
