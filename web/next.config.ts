import type { NextConfig } from "next";

const headers = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "Referrer-Policy", value: "same-origin" },
  { key: "Content-Security-Policy", value: "frame-ancestors 'none'; object-src 'none'; base-uri 'self'" },
];

const config: NextConfig = {
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname },
  headers: async () => [{ source: "/:path*", headers }],
};

export default config;
