import { expect, vi } from 'vitest';
import { AUDITS_TIMEOUT_MS, audit, expectNoSidewaysScroll } from './accessibility.ts';
import { talker, test } from './fixture.ts';

vi.setConfig({ testTimeout: AUDITS_TIMEOUT_MS });

test('axe finds nothing on turns that are edited, on versions and on messages that wait', async ({
  stage,
}) => {
  const { app } = await stage.ready(talker);
  const page = await stage.open(app);
  await page.ask('Talk');
  await page.stop.waitFor();
  await page.ask('And then this, which is long enough to be cut off where the window is narrow, and more');
  await page.ask('And that');
  await page.stop.click();
  await page.page.getByText(/^2 messages wait/).waitFor();
  await audit(page, 'messages that wait');
  await expectNoSidewaysScroll(page, 'messages that wait');
  await page.button('Edit queued message').first().click();
  await audit(page, 'a queued message that is edited', 'wide');
  await page.button('Cancel').click();

  await page.composer.press('ArrowUp');
  const field = page.log.getByRole('textbox', { name: 'Edit message' });
  await audit(page, 'a message that is edited');
  await field.fill('Talk, please');
  await page.button('Save without answering').click();
  await page.log.getByText('Not answered yet').waitFor();
  await page.questions.last().getByRole('button', { name: 'More for this message' }).click();
  await audit(page, 'a message without an answer, its menu open', 'wide');
  await page.page.getByRole('menuitem', { name: /^Answer that begins with/ }).click();
  await page.log.getByRole('textbox', { name: 'The answer begins with' }).waitFor();
  await audit(page, 'how an answer is to begin', 'wide');
  expect(await page.log.getByRole('group', { name: 'Version 2 of 2' }).count()).toBe(1);
});
