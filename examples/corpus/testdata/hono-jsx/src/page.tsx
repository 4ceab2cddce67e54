import type { FC, PropsWithChildren } from 'hono/jsx';

export const Page: FC<PropsWithChildren<{ title: string }>> = (props) => (
  <html>
    <head><title>{props.title}</title></head>
    <body class="page">{props.children}</body>
  </html>
);
