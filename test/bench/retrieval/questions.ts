/**
 * Questions to the sample company (`infra/samples`), each with what answers it.
 *
 * `words` are asked in the words that stand there; `paraphrase` in others; `relation` needs an edge,
 * since no text says it. Comments are told as what they stand on, so none is named here. The pages have
 * titles alone: Confluence's webhooks carry no text.
 */
import type { Grade, Judgements } from './score.ts';

export const questionKinds = ['words', 'paraphrase', 'relation'] as const;
export type QuestionKind = (typeof questionKinds)[number];

export interface Question {
  readonly kind: QuestionKind;
  readonly q: string;
  readonly judgements: Judgements;
}

const account = (id: string) => `atlassian:account:${id}`;
const jira = (id: string) => `jira:fjordlight.atlassian.net:${id}`;
const wiki = (id: string) => `confluence:fjordlight.atlassian.net:${id}`;

const ids = {
  amara: account('557058:3c1de0a7-52f4-4b8e-9c6d-0f1e7a92b3d5'),
  ingrid: account('5f8a1c2e7d4b3a0069e1b201'),
  jonas: account('557058:9e4b7f12-6a0d-4f3c-8b21-d5c7e8f90a16'),
  luis: account('5f9b22d1a36e4c0071c58e90'),
  mei: account('5fa0417be2f19d0075a1c2d8'),
  priya: account('712020:4be1f6d3-0c8a-47e2-9d35-a1b2c3d4e5f6'),
  tomasz: account('5f8a1c4417c2de0068d0a4f3'),
  ticketing: jira('project:10000'),
  platform: jira('project:10001'),
  lab: jira('project:10002'),
  engineering: wiki('space:ENG'),
  runbooks: wiki('space:RUN'),
  /** TIX-1: self-service refunds, the epic. */
  epic: jira('issue:10100'),
  /** TIX-2: refund endpoint in the booking API. */
  endpoint: jira('issue:10101'),
  /** TIX-3: refund form in the passenger portal. */
  form: jira('issue:10102'),
  /** TIX-4: timetable import drops the last sailing of the day. */
  timetable: jira('issue:10103'),
  /** TIX-5: refund status on the departure board. */
  board: jira('issue:10112'),
  /** TIX-6: night sailing missing on Fridays. */
  night: jira('issue:10104'),
  /** OPS-1: payment gateway times out under load. */
  incident: jira('issue:10110'),
  /** OPS-2: size the connection pool by measurement. */
  pool: jira('issue:10111'),
  chart: jira('attachment:10600'),
  architecture: wiki('page:131100'),
  runbook: wiki('page:131101'),
  pricing: wiki('page:131150'),
  why: wiki('blogpost:131140'),
  sequence: wiki('attachment:131130'),
} as const;

type Name = keyof typeof ids;

/** The question; what answers it; what helps. */
type Row = readonly [q: string, answers: readonly Name[], helpful?: readonly Name[]];

const words: readonly Row[] = [
  ['refund endpoint booking API', ['endpoint'], ['architecture', 'epic']],
  ['gateway timeout', ['incident'], ['runbook', 'chart']],
  ['night sailing missing', ['night'], ['timetable']],
  ['refund form in the portal', ['form'], ['epic']],
  ['departure board', ['board']],
  ['size the connection pool', ['pool'], ['incident']],
  ['pool had no free connection for up to 28 seconds', ['incident'], ['pool']],
  ['phone of somebody on a windy quay', ['form'], ['board']],
  ['how many mails came to support in October?', ['epic']],
  ['support sees who refunded what', ['epic'], ['endpoint']],
  ['two clicks must not pay twice', ['endpoint']],
  ['load test with 200 connections', ['pool'], ['incident']],
  ['forty-one passengers have written', ['incident']],
  ['idempotency key', ['endpoint'], ['architecture']],
  ['23:55 from Hareid', ['timetable'], ['incident', 'night']],
  ['cut off after 23:45 UTC', ['timetable'], ['night']],
  ['winter pricing', ['pricing']],
  ['payment gateway runbook', ['runbook'], ['incident']],
  ['refund architecture', ['architecture'], ['sequence']],
  ['why do refunds come first?', ['why'], ['epic']],
  ['refund-sequence.svg', ['sequence'], ['architecture']],
  ['gateway latency on Friday', ['chart'], ['incident']],
  ['Timetable Lab', ['lab'], ['mei']],
  ['Priya Raman', ['priya'], ['pool']],
  ['is the issue blocked any more?', ['endpoint'], ['incident']],
  ['find the booking by reference and surname', ['epic'], ['form']],
];

const paraphrase: readonly Row[] = [
  ['double payout when someone hits the button repeatedly', ['endpoint']],
  ['customers reimburse themselves after a dropped trip', ['epic'], ['why', 'form']],
  ['database handles exhausted at peak hour', ['incident'], ['pool', 'chart']],
  ['travellers paid but did not receive anything to board with', ['incident']],
  ['late ferry lost from the schedule because of daylight saving', ['timetable'], ['night']],
  ['evening boat absent at the end of the week', ['night'], ['timetable']],
  ['mobile wizard for people waiting at the harbour', ['form'], ['board']],
  ['screen at the pier telling people about compensation', ['board'], ['form']],
  ['benchmark how many sockets to the database we need', ['pool'], ['incident']],
  ['brainstorm about off-season fares', ['pricing']],
  ['on-call instructions for when card processing is down', ['runbook'], ['incident']],
  ['technical design for giving money back', ['architecture'], ['sequence', 'endpoint']],
  ['our motivation for putting reimbursements before everything else', ['why'], ['epic']],
  ['diagram of the reimbursement flow', ['sequence'], ['architecture']],
  ['screenshot of slow responses at the end of the week', ['chart'], ['incident']],
  ['complaints by customers still waiting for an answer', ['incident'], ['runbook']],
  ['compensate only part of a family reservation', ['endpoint'], ['architecture']],
  ['client keeps asking until the job has finished', ['endpoint'], ['architecture']],
  ['abandoned experiment with schedules', ['lab'], ['timetable']],
  ['help desk drowning in correspondence', ['epic'], ['incident']],
  ['credit card checkout outage during rush hour', ['incident'], ['runbook', 'pool']],
];

const relation: readonly Row[] = [
  [
    'Who is assigned to the issue that blocks the refund endpoint?',
    ['luis'],
    ['incident', 'endpoint'],
  ],
  ['Which pages did Ingrid Solberg write?', ['architecture'], ['ingrid']],
  ['pages by Luis Ferreira', ['runbook'], ['luis']],
  ['What has Amara Okafor written in the wiki?', ['why', 'pricing'], ['amara']],
  ['Which issues did Amara Okafor report?', ['epic', 'board'], ['amara']],
  ['Who works on the timetable import?', ['tomasz'], ['timetable']],
  ['What does the refund endpoint depend on?', ['incident'], ['endpoint']],
  ['stories below the epic Self-service refunds', ['endpoint', 'form'], ['epic']],
  ['sub-tasks of the payment gateway incident', ['pool'], ['incident']],
  ['Which issue is a duplicate of the timetable import bug?', ['night'], ['timetable']],
  ['What is in the Runbooks space?', ['runbook'], ['runbooks']],
  ['What is in the Engineering space?', ['architecture', 'why', 'pricing'], ['engineering']],
  ['Who leads the Platform project?', ['luis'], ['platform']],
  ['Who leads Ticketing?', ['amara'], ['ticketing']],
  ['Who leads the Timetable Lab?', ['mei'], ['lab']],
  ['Who reported that the payment gateway times out?', ['jonas'], ['incident']],
  ['Who reported the missing night sailing?', ['mei'], ['night']],
  ['issues assigned to Tomasz Wrona', ['endpoint', 'timetable'], ['tomasz']],
  ['What is Mei-Ling working on?', ['board'], ['mei']],
  ['Who sizes the connection pool?', ['priya'], ['pool']],
  ['Who is responsible for the departure board?', ['mei'], ['board']],
  ['Who drew the refund sequence?', ['tomasz'], ['sequence']],
  [
    'Whom did Jonas ask about the money of the forty-one passengers?',
    ['luis'],
    ['incident', 'jonas'],
  ],
  [
    'Which page does the comment on the idempotency key point to?',
    ['architecture'],
    ['endpoint', 'tomasz'],
  ],
  ['Who asked something below the refund architecture?', ['tomasz'], ['architecture']],
  ['attachments of the payment gateway incident', ['chart'], ['incident']],
  ['Who is assigned to the epic that the refund form belongs to?', ['ingrid'], ['epic', 'form']],
  [
    'Who wrote the runbook that is used for the forty-one passengers?',
    ['luis'],
    ['runbook', 'incident'],
  ],
  ['What was blocked by the payment gateway incident?', ['endpoint'], ['incident']],
];

export const questions: readonly Question[] = [
  ...words.map((row) => questionOf('words', row)),
  ...paraphrase.map((row) => questionOf('paraphrase', row)),
  ...relation.map((row) => questionOf('relation', row)),
];

function questionOf(kind: QuestionKind, [q, answers, helpful = []]: Row): Question {
  const graded = (names: readonly Name[], grade: Grade) =>
    names.map((name) => [ids[name], grade] as const);
  return { kind, q, judgements: new Map([...graded(answers, 2), ...graded(helpful, 1)]) };
}
