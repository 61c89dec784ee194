import { mount } from 'svelte';
import App from './App.svelte';
import { connect } from './client/index.ts';
import { Boot } from './state/boot.svelte.ts';
import './styles/tokens.css';
import './styles/base.css';
import { forcedDirection } from './texts/catalogue.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('The page has no element to put the app into.');
if (forcedDirection !== null) document.documentElement.dir = forcedDirection;

const boot = new Boot(connect());
// The page lives as long as its document: nothing has to be disposed here.
boot.listen();
mount(App, { target, props: { boot } });
