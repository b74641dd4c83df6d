import './css/tokens.css';
import './css/base.css';
import './css/controls.css';
import './css/layout.css';
import { mount } from 'svelte';
import App from './App.svelte';

mount(App, { target: document.getElementById('app')! });
