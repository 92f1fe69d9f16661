// The peer of the intake benchmark: fastify with its schema validation and one INSERT a request through pg's pool.
// It only inserts: no look-up of the customer, no regions, no repeats, no detection, no keys.
import Fastify from "fastify";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.POOL ?? 16) });
const app = Fastify({ logger: false });
const schema = {
  body: {
    type: "object",
    required: ["service"],
    additionalProperties: false,
    properties: {
      reporter: { type: "string", maxLength: 320 },
      customer_id: { type: "string", maxLength: 200 },
      service: { type: "string", enum: ["internet", "power", "water"] },
      region: { type: "string", maxLength: 200 },
      text: { type: "string", maxLength: 4000 },
      occurred_at: { type: "string", format: "date-time" },
      external_id: { type: "string", maxLength: 200 },
      source: { type: "string", maxLength: 100 },
    },
  },
};
app.post("/v1/complaints", { schema }, async (request, reply) => {
  const c = request.body;
  const { rows } = await pool.query({
    name: "insert",
    text: `INSERT INTO complaints (source, external_id, reporter, customer, service, region, text, occurred_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (source, external_id) DO NOTHING RETURNING id`,
    values: [c.source ?? "api", c.external_id, c.reporter, c.customer_id, c.service, c.region, c.text, c.occurred_at],
  });
  return reply.code(201).send({ id: rows[0]?.id ?? null });
});
await pool.query(`CREATE TABLE IF NOT EXISTS complaints (id bigserial PRIMARY KEY, source text NOT NULL, external_id text,
  reporter text, customer text, service text NOT NULL, region text, text text, occurred_at timestamptz,
  received_at timestamptz NOT NULL DEFAULT now(), UNIQUE (source, external_id))`);
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
console.log("ready");
