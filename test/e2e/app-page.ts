import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

type Screen = 'Chat' | 'Models' | 'Performance' | 'Help' | 'Settings';
type SettingsPage =
  'General' | 'Appearance' | 'Models and folders' | 'Engine' | 'Chats' | 'Privacy' | 'Shortcuts' | 'About';

/** The one place that knows what things are called: roles and accessible names, never classes. */
export class AppPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  // Frame -------------------------------------------------------------------------------------------------

  rail(screen: Screen): Locator {
    return this.page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('button', { name: screen, exact: true });
  }
  get statusBar(): Locator {
    return this.page.getByRole('contentinfo', { name: 'Status' });
  }
  get shield(): Locator {
    return this.statusBar.getByRole('button');
  }
  get toast(): Locator {
    return this.page.getByRole('status', { name: 'Undo' });
  }
  get undo(): Locator {
    return this.toast.getByRole('button', { name: 'Undo' });
  }
  /** The card with this title, wherever it stands. */
  card(title: string | RegExp): Locator {
    return this.page.getByRole('alert').or(this.page.getByRole('status')).filter({ hasText: title }).first();
  }
  text(text: string | RegExp): Locator {
    return this.page.getByText(text).first();
  }
  button(name: string | RegExp, exact = true): Locator {
    return this.page.getByRole('button', { name, exact });
  }

  // First run ---------------------------------------------------------------------------------------------

  get firstRun(): Locator {
    return this.page.getByRole('heading', { name: 'Choose a model to start', level: 1 });
  }
  addAndChat(name: string): Locator {
    return this.button(`Add and chat with ${name}`);
  }
  get lookAround(): Locator {
    return this.button('Look around first');
  }
  get lookAgain(): Locator {
    return this.button('Look again');
  }
  get foundFiles(): Locator {
    return this.page.getByRole('region', { name: 'GGUF files on this computer' });
  }
  get dropZone(): Locator {
    return this.page.getByRole('group', { name: 'Open a GGUF file' });
  }
  /** Drops a file as a browser does: its name and bytes, never its path. */
  async drop(zone: Locator, file: { name: string; sizeBytes: number }): Promise<void> {
    const transfer = await this.page.evaluateHandle(({ name, sizeBytes }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(sizeBytes)], name));
      return data;
    }, file);
    await zone.dispatchEvent('dragenter', { dataTransfer: transfer });
    await zone.dispatchEvent('dragover', { dataTransfer: transfer });
    await zone.dispatchEvent('drop', { dataTransfer: transfer });
  }

  // Chat --------------------------------------------------------------------------------------------------

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }
  get send(): Locator {
    return this.button('Send');
  }
  get stop(): Locator {
    return this.button('Stop');
  }
  get log(): Locator {
    return this.page.getByRole('log', { name: 'Messages' });
  }
  get title(): Locator {
    return this.page
      .getByRole('region', { name: 'Conversation', exact: true })
      .getByRole('heading', { level: 1 });
  }
  get questions(): Locator {
    return this.log.getByRole('article', { name: /^You,/ });
  }
  get answers(): Locator {
    return this.log.getByRole('article', { name: /^(?!You,)/ });
  }
  get lastAnswer(): Locator {
    return this.answers.last();
  }
  get answerAgain(): Locator {
    // The card of a failed answer has one more, above.
    return this.lastAnswer.getByRole('button', { name: 'Answer again' }).last();
  }
  /** The figures under the newest answer; they open its details. */
  get figures(): Locator {
    return this.lastAnswer.getByRole('button', { name: /first token/ });
  }
  get answerDetails(): Locator {
    return this.page.getByRole('dialog', { name: 'This answer' });
  }
  version(place: number, count: number): Locator {
    return this.lastAnswer.getByRole('group', { name: `Version ${place} of ${count}` });
  }
  get previousVersion(): Locator {
    return this.lastAnswer.getByRole('button', { name: 'Previous version' });
  }
  get nextVersion(): Locator {
    return this.lastAnswer.getByRole('button', { name: 'Next version' });
  }
  get gauge(): Locator {
    return this.page.getByRole('meter', { name: 'Context used' });
  }
  get chip(): Locator {
    return this.page.getByRole('button', { name: /^Model: / });
  }
  chipSays(state: string): Locator {
    return this.chip.filter({ hasText: state });
  }
  get picker(): Locator {
    return this.page.getByRole('listbox', { name: 'Models' });
  }
  get jumpToNewest(): Locator {
    return this.button('Jump to newest');
  }
  get linkDialog(): Locator {
    return this.page.getByRole('dialog', { name: 'A link in this answer' });
  }

  /** Types a message and sends it with Enter. */
  async ask(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }
  /** Waits for the end of the newest answer: its figures are there and nothing can be stopped. */
  async answered(count?: number): Promise<void> {
    if (count !== undefined) await expect.poll(() => this.answers.count(), { timeout: 15_000 }).toBe(count);
    await this.answerAgain.waitFor();
    await this.stop.waitFor({ state: 'hidden' });
  }

  // Conversations -----------------------------------------------------------------------------------------

  get sidebar(): Locator {
    return this.page.getByRole('complementary', { name: 'Conversations' });
  }
  get newChat(): Locator {
    return this.sidebar.getByRole('button', { name: 'New chat' });
  }
  get chatFilter(): Locator {
    return this.page.getByRole('searchbox', { name: 'Search chats' });
  }
  folder(name: string): Locator {
    return this.sidebar.getByRole('treeitem', { name: new RegExp(`^${name},`) });
  }
  dialog(name: string | RegExp): Locator {
    return this.page.getByRole('dialog', { name }).or(this.page.getByRole('alertdialog', { name }));
  }
  get palette(): Locator {
    return this.page.getByRole('dialog', { name: 'Search chats, models and commands' });
  }
  /** Opens the menu of a chat in the list and chooses from it. */
  async chatStep(title: string, step: string): Promise<void> {
    await this.chat(title).click({ button: 'right' });
    await this.menuItem(step).click();
  }
  day(name: string | RegExp): Locator {
    return this.sidebar.getByRole('region', { name });
  }
  /** The row of a chat in the list; its name goes on with a time or a state. */
  chat(title: string): Locator {
    return this.sidebar.getByRole('listitem').getByRole('button').filter({ hasText: title }).first();
  }
  chatMenuButton(title: string): Locator {
    return this.button(`More for ${title}`);
  }
  menuItem(name: string): Locator {
    return this.page.getByRole('menuitem', { name });
  }
  get renameField(): Locator {
    return this.page.getByRole('textbox', { name: 'Title of the chat' });
  }
  get renameDialog(): Locator {
    return this.page.getByRole('dialog', { name: 'Rename' });
  }

  // Models ------------------------------------------------------------------------------------------------

  get openGguf(): Locator {
    return this.button('Open GGUF');
  }
  get addDialog(): Locator {
    return this.page.getByRole('dialog', { name: 'Open a GGUF file' });
  }
  get modelTable(): Locator {
    return this.page.getByRole('table', { name: 'On this computer' });
  }
  modelRow(name: string): Locator {
    return this.modelTable
      .getByRole('row')
      .filter({ has: this.page.getByRole('rowheader') })
      .filter({ hasText: name });
  }
  openModel(name: string): Locator {
    return this.modelTable.getByRole('button', { name, exact: true });
  }
  modelMenuButton(name: string): Locator {
    return this.button(`Actions for ${name}`);
  }
  get modelFilter(): Locator {
    return this.page.getByRole('searchbox', { name: 'Filter models' });
  }
  /** The details: a region beside a wide list, a dialog over a narrow one. */
  get modelDetails(): Locator {
    const role = { name: 'Model details' };
    return this.page.getByRole('region', role).or(this.page.getByRole('dialog', role));
  }

  // Settings ----------------------------------------------------------------------------------------------

  async openSettings(page: SettingsPage): Promise<void> {
    await this.rail('Settings').click();
    await this.page
      .getByRole('navigation', { name: 'Settings pages' })
      .getByRole('button', { name: page, exact: true })
      .click();
    await this.settingsPage(page).waitFor();
  }
  settingsPage(page: SettingsPage): Locator {
    return this.page.getByRole('region', { name: page, exact: true });
  }
  /** One choice of a row of choices. */
  choice(group: string, option: string): Locator {
    return this.page
      .getByRole('radiogroup', { name: group })
      .getByRole('radio', { name: option, exact: true });
  }
  async choose(group: string, option: string): Promise<void> {
    const radio = this.choice(group, option);
    // The radio lies under its label, which takes the press.
    await radio.click({ force: true });
    await expect.poll(() => radio.isChecked(), { timeout: 15_000 }).toBe(true);
  }
  toggle(name: string): Locator {
    return this.page.getByRole('switch', { name, exact: true });
  }
  /** The value of a fact that is listed on a settings page or in the details of a model. */
  async fact(name: string): Promise<string> {
    const term = this.page.getByRole('term').filter({ hasText: new RegExp(`^${name}$`) });
    return (await term.first().locator('xpath=following-sibling::dd[1]').innerText()).trim();
  }
  get offlineSwitch(): Locator {
    return this.toggle('Offline');
  }

  // Keyboard ----------------------------------------------------------------------------------------------

  /** Presses Tab until this has the focus. @throws after `limit` presses */
  async tabTo(target: Locator, { limit = 60, key = 'Tab' } = {}): Promise<void> {
    for (let i = 0; i < limit; i++) {
      if (await this.hasFocus(target)) return;
      await this.page.keyboard.press(key);
    }
    throw new Error(`${limit} times ${key} did not reach ${String(target)}`);
  }
  async hasFocus(target: Locator): Promise<boolean> {
    if ((await target.count()) === 0) return false;
    return target.first().evaluate((element) => element === document.activeElement);
  }
}
