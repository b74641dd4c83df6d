// What strangers would write if they could choose: nothing of it may do anything but stand there.
export const script = '<script>window.__xss=1</script><img src=x onerror="window.__xss=2">';
export const svelte = '{@html "<b>x</b>"} {{7*7}} ${7*7} javascript:window.__xss=3';
export const rtl = '\u202egnp.exe\u202c שלום עולם مرحبا';
export const long = 'x'.repeat(400);
export const controls = 'a\u0000b\u001b[31mred\u0007\u200b\ufeff';
export const longDomain = ('really-long-label-'.repeat(3) + '.').repeat(4) + 'example';

export const texts = [
  `550 5.1.1 ${script} user unknown`,
  `451 4.7.1 ${rtl} greylisted`,
  `421 4.7.28 ${long}`,
  `554 5.7.1 ${svelte}`,
  `450 4.2.0 ${controls}`,
];
