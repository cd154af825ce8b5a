// Settings in a form: filled from values, read back, and kept in the page's address, so that a link restores them.

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
export type FieldValue = string | number | boolean;

/** The form's fields that have a name, without files, which no link can hold. */
function fieldsOf(form: HTMLFormElement): Field[] {
  return [...form.elements].filter(
    (each): each is Field =>
      (each instanceof HTMLInputElement ||
        each instanceof HTMLSelectElement ||
        each instanceof HTMLTextAreaElement) &&
      each.name !== '' &&
      each.type !== 'file',
  );
}

function setField(field: Field, value: FieldValue): void {
  if (field instanceof HTMLInputElement && field.type === 'checkbox') {
    field.checked = value === true || value === 'true';
  } else if (field instanceof HTMLInputElement && field.type === 'radio') {
    field.checked = field.value === String(value);
  } else {
    const before = field.value;
    field.value = String(value);
    // A value that a list does not offer leaves it empty.
    if (field.value === '' && value !== '') field.value = before;
  }
}

function fieldValue(field: Field): FieldValue {
  if (!(field instanceof HTMLInputElement)) return field.value;
  if (field.type === 'checkbox') return field.checked;
  return field.type === 'number' || field.type === 'range' ? field.valueAsNumber : field.value;
}

/** Puts values into the fields of these names; other names are passed over. */
export function fillForm(form: HTMLFormElement, values: Readonly<Record<string, unknown>>): void {
  for (const field of fieldsOf(form)) {
    const value = values[field.name];
    if (value !== undefined && value !== null) setField(field, value as FieldValue);
  }
}

/** All fields by name: numbers and ranges as numbers, checkboxes as booleans, the rest as text. */
export function readForm(form: HTMLFormElement): Record<string, FieldValue> {
  const values: Record<string, FieldValue> = {};
  for (const field of fieldsOf(form)) {
    const unchosen = field instanceof HTMLInputElement && field.type === 'radio' && !field.checked;
    if (!unchosen) values[field.name] = fieldValue(field);
  }
  return values;
}

/** Takes settings from the page's address, `#seed=3&steps=200`; what a field refuses stays as it was. */
export function restoreFromLink(form: HTMLFormElement): void {
  const values = new URLSearchParams(location.hash.slice(1));
  // A disabled field would refuse nothing.
  for (const fields of form.querySelectorAll('fieldset')) fields.disabled = false;
  for (const field of fieldsOf(form)) {
    const value = values.get(field.name);
    if (value === null) continue;
    const before = fieldValue(field);
    setField(field, value);
    if (!field.checkValidity()) setField(field, before);
  }
}

/** Keeps the settings in the page's address from now on, beside those of the page's other forms. */
export function keepInLink(form: HTMLFormElement): void {
  form.addEventListener('change', () => {
    const values = new URLSearchParams(location.hash.slice(1));
    for (const [name, value] of Object.entries(readForm(form))) values.set(name, String(value));
    history.replaceState(null, '', `#${values}`);
  });
}
