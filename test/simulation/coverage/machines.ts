import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { cellText } from './cell-text.ts';

/** A machine of a core, and where in the sources its states and events are named. */
export interface Machine {
  readonly name: string;
  /** The module of its step, from the root of the repository. */
  readonly module: string;
  /** The exported step; its first two parameters are `state` and `event`. */
  readonly step: string;
  /** JavaScript that names the state of `state`. */
  readonly stateIn: string;
  /** The states; or the type, and the property of it, that names them. */
  readonly states: readonly string[] | Named;
  readonly events: Named;
}

interface Named {
  readonly module: string;
  readonly type: string;
  readonly property: string;
}

const SESSION_STATE = 'packages/sdk/src/core/session/session-state.ts';
const LEADERSHIP = 'packages/sdk/src/core/leadership/leadership.ts';
const OUTBOX_STATE = 'packages/sdk/src/core/outbox/outbox-state.ts';
const CONNECTION = 'packages/gateway/src/core/connection.ts';

/** The machines whose cells are counted. To add one: a line here. */
export const MACHINES: readonly Machine[] = [
  {
    name: 'session',
    module: 'packages/sdk/src/core/session/session.ts',
    step: 'stepSession',
    stateIn: 'state.phase.kind',
    states: { module: SESSION_STATE, type: 'SessionPhase', property: 'kind' },
    events: { module: SESSION_STATE, type: 'SessionEvent', property: 'type' },
  },
  {
    name: 'leadership',
    module: LEADERSHIP,
    step: 'stepLeadership',
    stateIn: 'state.kind',
    states: { module: LEADERSHIP, type: 'LeadershipState', property: 'kind' },
    events: { module: LEADERSHIP, type: 'LeadershipEvent', property: 'type' },
  },
  {
    name: 'outbox',
    module: 'packages/sdk/src/core/outbox/outbox.ts',
    step: 'stepOutbox',
    stateIn:
      "(state.draining === undefined ? 'following' : state.draining.inFlight.length === 0 ? 'draining' : 'in-flight')",
    states: ['following', 'draining', 'in-flight'],
    events: { module: OUTBOX_STATE, type: 'OutboxEvent', property: 'type' },
  },
  {
    name: 'connection',
    module: CONNECTION,
    step: 'stepConnection',
    stateIn: 'state.phase',
    states: { module: CONNECTION, type: 'ConnectionState', property: 'phase' },
    events: { module: CONNECTION, type: 'ConnectionEvent', property: 'type' },
  },
];

/** Every state × event cell of a machine, as `state × event`, read from its sources: nobody has to keep a list. */
export function cellsOf({ states, events }: Machine): string[] {
  const all = 'type' in states ? namesOf(states) : states;
  const happenings = namesOf(events);
  return all.flatMap((state) => happenings.map((event) => cellText(state, event)));
}

/** The texts that a property can have in a type or a union of types. */
function namesOf({ module, type, property }: Named): string[] {
  const path = fileURLToPath(new URL(`../../../${module}`, import.meta.url));
  const source = ts.createSourceFile(module, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, false);
  const names = source.statements.flatMap((statement) => {
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === type)
      return textsOf(statement.members, property);
    if (!ts.isTypeAliasDeclaration(statement) || statement.name.text !== type) return [];
    const parts = ts.isUnionTypeNode(statement.type) ? statement.type.types : [statement.type];
    return parts.flatMap((part) => (ts.isTypeLiteralNode(part) ? textsOf(part.members, property) : []));
  });
  if (names.length === 0)
    throw new Error(`${module}: ${type} has no texts for "${property}"; see machines.ts`);
  return names;
}

function textsOf(members: ts.NodeArray<ts.TypeElement>, property: string): string[] {
  return members.flatMap((member) => {
    const isIt =
      ts.isPropertySignature(member) && ts.isIdentifier(member.name) && member.name.text === property;
    if (!isIt || member.type === undefined) return [];
    const types = ts.isUnionTypeNode(member.type) ? member.type.types : [member.type];
    return types.flatMap((node) =>
      ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal) ? [node.literal.text] : [],
    );
  });
}
