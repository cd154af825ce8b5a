// Which chat template a model was tuned with, from what lies in its folders and from its tokenizer. Its own template, a
// program in Jinja, is not run.

import type { Folder } from '../io/folder.ts';
import { CHAT_TEMPLATES, type ChatTemplateName, chatPrompt } from '../text/chat_template.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { readFinetuneDescription } from './finetune_description.ts';
import { encodeSegment } from './supervised.ts';

export interface TemplateChoice {
  readonly template: ChatTemplateName;
  /** In a few words, for a person. */
  readonly why: string;
}

/** Templates with special tokens of their own: a tokenizer that has these is of a model that knows them. */
const RECOGNISED: readonly ChatTemplateName[] = ['chatml', 'llama3'];

/** @param folders the adapter's, if there is one, and the model's: one that `shadegrad finetune` wrote says what it took. */
export async function chooseTemplate(
  tokenizer: Tokenizer,
  folders: readonly Folder[],
): Promise<TemplateChoice> {
  for (const folder of folders) {
    const template = (await readFinetuneDescription(folder))?.settings.template;
    if (isTemplate(template)) return { template, why: 'as it was fine-tuned' };
  }
  const known = RECOGNISED.find((template) => writes(tokenizer, template));
  if (known) return { template: known, why: "by the tokenizer's special tokens" };
  const template = writes(tokenizer, 'dialogue') ? 'dialogue' : 'lines';
  return { template, why: 'plain text: nothing says what the model was tuned with' };
}

const isTemplate = (name: unknown): name is ChatTemplateName =>
  (CHAT_TEMPLATES as readonly unknown[]).includes(name);

/** Whether the tokenizer has tokens for all that the template adds. */
function writes(tokenizer: Tokenizer, template: ChatTemplateName): boolean {
  const marks = chatPrompt(
    [
      { role: 'system', content: '' },
      { role: 'user', content: '' },
    ],
    template,
  );
  try {
    for (const mark of marks) encodeSegment(tokenizer, mark, { place: template });
    return true;
  } catch {
    return false;
  }
}
