// Which jobs of which workflows an event starts, by GitHub's own parser and expression evaluator.
// stdin: {workflows: {file: text}, events: [{id, name, branch, github, vars, inputs, outputs: {job: {…}}}]}
// stdout: {errors: [...], table: {event: {file: [job, …]}}}
import { readFileSync } from "node:fs";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { truthy } from "@actions/expressions/result";

const asked = JSON.parse(readFileSync(0, "utf8"));
const errors = [];
const dictionary = (value) => JSON.parse(JSON.stringify(value ?? {}), data.reviver);

// Every job that runs is taken to succeed, so `success()` asks whether what was needed ran, as on GitHub.
function statusFunctions(needed) {
  const answers = { success: needed.every((result) => result === "success"), failure: false, cancelled: false, always: true };
  return Object.entries(answers).map(([name, value]) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) }));
}

function truth(condition, contexts, needed) {
  const functions = statusFunctions(needed);
  const tree = new Parser(new Lexer(condition).lex().tokens, Object.keys(contexts), functions).parse();
  const pairs = Object.entries(contexts).map(([key, value]) => ({ key, value: dictionary(value) }));
  const found = new Evaluator(tree, new data.Dictionary(...pairs), new Map(functions.map((one) => [one.name, one]))).evaluate();
  return truthy(found);
}

const glob = (pattern) => new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*\*/g, "\0").replace(/\*/g, "[^/]*").replace(/\0/g, ".*")}$`);

function starts(on, event) {
  const filter = on[event.name];
  if (filter === undefined) return false;
  if (filter.types && event.github.event.action && !filter.types.includes(event.github.event.action)) return false;
  if (filter.branches && !filter.branches.some((pattern) => glob(pattern).test(event.branch))) return false;
  return !filter["branches-ignore"]?.some((pattern) => glob(pattern).test(event.branch));
}

function running(jobs, event) {
  const results = {};
  for (const job of jobs) {
    const needs = (job.needs ?? []).map((token) => token.value);
    const before = needs.map((name) => results[name]);
    if (before.includes(undefined)) throw new Error(`${job.id.value} needs a job that stands below it`);
    const context = Object.fromEntries(needs.map((name) => [name, { result: results[name], outputs: event.outputs?.[name] ?? {} }]));
    const contexts = { github: event.github, needs: context, vars: event.vars, inputs: event.inputs };
    results[job.id.value] = truth(job.if?.expression ?? "success()", contexts, before) ? "success" : "skipped";
  }
  return Object.keys(results).filter((name) => results[name] === "success");
}

const table = Object.fromEntries(asked.events.map((event) => [event.id, {}]));
for (const [name, content] of Object.entries(asked.workflows)) {
  const parsed = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  errors.push(...parsed.context.errors.getErrors().map((error) => `${name}: ${error.message}`));
  if (errors.length || !parsed.value) continue;
  const template = await convertWorkflowTemplate(parsed.context, parsed.value);
  errors.push(...(template.errors ?? []).map((error) => `${name}: ${error.Message}`));
  for (const event of asked.events) if (starts(template.events, event)) table[event.id][name] = running(template.jobs, event);
}
console.log(JSON.stringify({ errors, table }));
