import { fileURLToPath } from 'node:url';

// Two levels up is the package, from src/engines/ as from dist/engines/.
const inPackage = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The small model that engines load unless told otherwise. */
export const BUNDLED_MODEL: string = inPackage('models/thinker/thinker.gguf');

/** Its tokenizer, in Hugging Face form. */
export const BUNDLED_TOKENIZER: string = inPackage('models/thinker/hf/tokenizer.json');

/** The same model as engines of the Hugging Face world load it: a folder. */
export const BUNDLED_MODEL_FOLDER: string = inPackage('models/thinker/hf');

/** The program that serves a model with xllamacpp. */
export const LLAMACPP_LAUNCHER: string = inPackage('src/engines/llamacpp_server.py');

/** The program that runs vLLM and the LiteLLM proxy. */
export const PYTHON_LAUNCHER: string = inPackage('src/engines/python_server.py');

/** Reasoning parsers that vLLM does not bring along. */
export const VLLM_PARSERS: string = inPackage('src/engines/vllm_parsers.py');
