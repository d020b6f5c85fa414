/** Scenarios: what is asked of a server, as a YAML file states it. */
import { z } from 'zod';

export interface ToolCall {
  readonly id?: string | undefined;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly reasoning?: string | undefined;
  readonly toolCalls?: readonly ToolCall[] | undefined;
  /** For `role: tool`: the call that this answers. */
  readonly toolCallId?: string | undefined;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** A JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The assistant message that a client has begun itself: the answer under test goes on from its end. */
export interface Begun {
  readonly content: string;
  readonly reasoning?: string | undefined;
  /** Of the last one the arguments may be begun only; the others are whole. */
  readonly toolCalls?: readonly ToolCall[] | undefined;
}

/** Content that must be one JSON value, which the server is asked to see to. */
export interface ResponseFormat {
  readonly name: string;
  /** A JSON Schema. */
  readonly schema: Readonly<Record<string, unknown>>;
}

export const TOOL_CHOICES = ['auto', 'required', 'none'] as const;
export type ToolChoice = (typeof TOOL_CHOICES)[number];

export interface Scenario {
  /** Unique in a run; lower-case letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  /** Left out, the server decides. */
  readonly toolChoice?: ToolChoice | undefined;
  readonly responseFormat?: ResponseFormat | undefined;
  /** What the answer begins with; left out, the model begins it. */
  readonly prefill?: Begun | undefined;
  /** `true` and `false` go to the template as `enable_thinking`; left out, the template decides. */
  readonly thinking?: boolean | undefined;
  readonly maxTokens: number;
  readonly tags: readonly string[];
}

/** A file of scenarios. */
export interface Pack {
  readonly pack: string;
  readonly description: string;
  readonly scenarios: readonly Scenario[];
}

const toolCall: z.ZodType<ToolCall> = z.strictObject({
  id: z.string().min(1).optional(),
  name: z.string().min(1),
  arguments: z.string(),
});

const message: z.ZodType<Message> = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  reasoning: z.string().optional(),
  toolCalls: z.array(toolCall).optional(),
  toolCallId: z.string().optional(),
});

const tool: z.ZodType<ToolDefinition> = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  parameters: z.record(z.string(), z.unknown()).default({ type: 'object', properties: {} }),
});

const begun: z.ZodType<Begun> = z.strictObject({
  content: z.string().default(''),
  reasoning: z.string().optional(),
  toolCalls: z.array(toolCall).optional(),
});

const responseFormat: z.ZodType<ResponseFormat> = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'up to 64 letters, digits, dashes and underscores')
    .default('answer'),
  schema: z.record(z.string(), z.unknown()),
});

/** One scenario; unknown fields are refused, so that a typing error never changes a test in silence. */
export const scenarioSchema: z.ZodType<Scenario> = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  title: z.string().default(''),
  messages: z.array(message).min(1),
  tools: z.array(tool).default([]),
  toolChoice: z.enum(TOOL_CHOICES).optional(),
  responseFormat: responseFormat.optional(),
  prefill: begun.optional(),
  thinking: z.boolean().optional(),
  maxTokens: z.int().min(1).max(100_000).default(512),
  tags: z.array(z.string()).default([]),
});

export const packSchema: z.ZodType<Pack> = z.strictObject({
  pack: z.string().min(1),
  description: z.string().default(''),
  scenarios: z.array(scenarioSchema).min(1),
});
