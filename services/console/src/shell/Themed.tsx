/** Light or dark by the system's preference, for Ant Design; our own colours follow in CSS. */
import { App, ConfigProvider, theme, type ThemeConfig } from "antd";
import { useSyncExternalStore, type ReactNode } from "react";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", sans-serif';

function themeOf(dark: boolean): ThemeConfig {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: dark ? "#5b84ff" : "#2f5bea",
      colorInfo: dark ? "#5b84ff" : "#2f5bea",
      colorBgLayout: dark ? "#0f1115" : "#f5f6f8",
      colorBgContainer: dark ? "#171a20" : "#ffffff",
      colorBgElevated: dark ? "#1c2027" : "#ffffff",
      borderRadius: 8,
      fontFamily: FONT,
      fontFamilyCode: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
    },
  };
}

export function Themed({ children }: { children: ReactNode }) {
  const dark = useSyncExternalStore(onChange, () => DARK.matches);
  return (
    <ConfigProvider theme={themeOf(dark)}>
      <App message={{ maxCount: 3 }}>{children}</App>
    </ConfigProvider>
  );
}

function onChange(tell: () => void): () => void {
  DARK.addEventListener("change", tell);
  return () => DARK.removeEventListener("change", tell);
}
