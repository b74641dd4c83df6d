// All views: their names in the address, in the navigation, and their keys after g.
import type { Component } from 'svelte';
import Backlog from './views/Backlog.svelte';
import Blacklist from './views/Blacklist.svelte';
import Changes from './views/Changes.svelte';
import Dkim from './views/Dkim.svelte';
import Dns from './views/Dns.svelte';
import Domains from './views/Domains.svelte';
import Floods from './views/Floods.svelte';
import Locals from './views/Locals.svelte';
import Logs from './views/Logs.svelte';
import Monitor from './views/Monitor.svelte';
import Names from './views/Names.svelte';
import Overview from './views/Overview.svelte';
import Pauses from './views/Pauses.svelte';
import Redirects from './views/Redirects.svelte';
import Sources from './views/Sources.svelte';
import Tags from './views/Tags.svelte';
import Test from './views/Test.svelte';
import Throttling from './views/Throttling.svelte';
import Tokens from './views/Tokens.svelte';

export interface View {
  name: string;
  title: string;
  key?: string;
  component: Component;
}

export const sections: { title: string; views: View[] }[] = [
  {
    title: 'What happens',
    views: [
      { name: 'overview', title: 'Overview', key: 'o', component: Overview },
      { name: 'domains', title: 'Domains', key: 'd', component: Domains },
      { name: 'backlog', title: 'Waiting mail', key: 'w', component: Backlog },
      { name: 'sources', title: 'MTA IPs', key: 'i', component: Sources },
      { name: 'tags', title: 'Tags', component: Tags },
    ],
  },
  {
    title: 'Steering',
    views: [
      { name: 'pauses', title: 'Paused deliveries', key: 'p', component: Pauses },
      { name: 'throttling', title: 'Email throttling', key: 't', component: Throttling },
      { name: 'floods', title: 'Flood patterns', key: 'f', component: Floods },
      { name: 'redirects', title: 'Redirected deliveries', component: Redirects },
      { name: 'dkim', title: 'DKIM keys', key: 'k', component: Dkim },
      { name: 'names', title: 'EHLO names', component: Names },
      { name: 'dns', title: 'DNS overrides', component: Dns },
      { name: 'locals', title: 'Local addresses', component: Locals },
      { name: 'blacklist', title: 'Block list', component: Blacklist },
    ],
  },
  {
    title: 'Looking closer',
    views: [
      { name: 'logs', title: 'Log files', key: 'l', component: Logs },
      { name: 'monitor', title: 'SMTP monitor', key: 'm', component: Monitor },
      { name: 'test', title: 'Test message', component: Test },
      { name: 'changes', title: 'Changes', key: 'c', component: Changes },
      { name: 'tokens', title: 'API tokens', component: Tokens },
    ],
  },
];

export const views: View[] = sections.flatMap((s) => s.views);
