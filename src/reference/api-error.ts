/** An error answer in llama.cpp's shape. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    type?: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.type = type ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
    this.details = details;
  }

  /** The answer's body. */
  body(): object {
    return {
      error: { code: this.status, message: this.message, type: this.type, ...this.details },
    };
  }
}

/** The answer to a path or method that the server does not have. */
export function notFound(): ApiError {
  return new ApiError(404, 'File Not Found', 'not_found_error');
}
