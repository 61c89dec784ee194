import type { Locator } from 'playwright-core';
import type { AppPage } from './app-page.ts';

/** Finding and downloading models: roles and accessible names, never classes. */
export class HubPage {
  readonly app: AppPage;

  constructor(app: AppPage) {
    this.app = app;
  }

  // First run ---------------------------------------------------------------------------------------------

  get suggestions(): Locator {
    return this.app.page.getByRole('region', { name: 'Models to download' });
  }
  get recommended(): Locator {
    return this.suggestions.getByRole('article').filter({ hasText: 'Recommended for this computer' });
  }

  // Finding -----------------------------------------------------------------------------------------------

  async openFind(): Promise<void> {
    await this.app.rail('Models').click();
    await this.app.page.getByRole('tab', { name: 'Find models' }).click();
    await this.form.waitFor();
  }
  async openLibrary(): Promise<void> {
    await this.app.rail('Models').click();
    await this.app.page.getByRole('tab', { name: 'On this computer' }).click();
  }
  get form(): Locator {
    return this.app.page.getByRole('search', { name: 'Search on the hub' });
  }
  get results(): Locator {
    return this.app.page.getByRole('table', { name: 'Results' });
  }
  get names(): Promise<string[]> {
    return this.results.getByRole('rowheader').getByRole('button').allInnerTexts();
  }
  async search(query: string): Promise<void> {
    await this.form.getByRole('searchbox', { name: 'Search models' }).fill(query);
    await this.form.getByRole('button', { name: 'Search', exact: true }).click();
  }
  /** The page of a model: a region beside a wide list, a dialog over a narrow one. */
  get modelPage(): Locator {
    const name = { name: 'Model page' };
    return this.app.page.getByRole('region', name).or(this.app.page.getByRole('dialog', name));
  }
  /** Opens the page of an address as one pastes it. */
  async openPage(address: string): Promise<void> {
    await this.openFind();
    await this.search(address);
    await this.quant(/./u).first().waitFor();
  }
  quant(name: string | RegExp): Locator {
    return this.modelPage
      .getByRole('table', { name: 'Quantisations' })
      .getByRole('row')
      .filter({ has: this.app.page.getByRole('rowheader', { name }) });
  }
  get(quant: string): Locator {
    return this.modelPage.getByRole('button', { name: `Get ${quant}`, exact: true });
  }

  // Downloads ---------------------------------------------------------------------------------------------

  get downloads(): Locator {
    return this.app.page.getByRole('region', { name: 'Downloads' });
  }
  get download(): Locator {
    return this.downloads.getByRole('article').first();
  }
  get verified(): Locator {
    return this.download.getByText('Complete, matches its published SHA-256');
  }
  action(name: string | RegExp): Locator {
    return this.download.getByRole('button', { name });
  }
  get offlineDialog(): Locator {
    return this.app.page.getByRole('dialog', { name: 'Offline is on, so this download did not start' });
  }
}
