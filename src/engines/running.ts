/** Told what goes on while an engine is provisioned and started, one plain line at a time. */
export interface Progress {
  (line: string): void;
}

/** How an engine's process ended. */
export interface EngineExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last lines that it wrote, standard output and error together. */
  readonly log: string;
}

/** A server process of ours that answers. */
export interface RunningEngine {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly name: string;
  /** The package's version, for example `2026.10.11549`; what the server says of itself, or `unknown`, for a command. */
  readonly version: string;
  /** For example `b11549`, where known. */
  readonly build: string | undefined;
  /** The dialect that it speaks; `auto` for a command, of which only asking tells. */
  readonly dialect: 'llama.cpp' | 'vllm' | 'auto';
  /** What is known of the model from its files, for servers that do not tell it. */
  readonly files?: ModelFiles;
  /** Resolves when the process ends, for whatever reason. Never rejects. */
  readonly exited: Promise<EngineExit>;
  /** Ends the process and everything it started, by force after 3 s. May be called twice. */
  stop(): Promise<void>;
  /** What it wrote so far (the last 64 KiB or so). */
  readonly log: () => string;
}

/** What the files of a model say. */
export interface ModelFiles {
  /** The chat template that is served. */
  readonly chatTemplate?: string;
  /** The path of its `tokenizer.json`. */
  readonly tokenizer?: string;
}

/** What an engine is started with. */
export interface LaunchOptions {
  /** A GGUF file; for vLLM a folder in Hugging Face form. @defaultValue the thinker model of this package */
  readonly model?: string;
  /** A Jinja file to use instead of the model's own template. */
  readonly chatTemplate?: string;
  /** Requests served side by side. @defaultValue 1; 32 for vLLM */
  readonly slots?: number;
  /** @defaultValue a free one */
  readonly port?: number;
  /** Stops provisioning, starting, and the running engine. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** How long it may take from the start of the process to a healthy answer. @defaultValue 60 s; 300 s for vLLM and for a command */
  readonly healthMs?: number;
}
