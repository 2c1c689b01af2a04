// No editor, no accounts, no telemetry: what a flow needs to run as fast as it can.
module.exports = {
    flowFile: "flows.json",
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    uiHost: "127.0.0.1",
    uiPort: Number(process.env.BENCH_UI_PORT),
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false, ui: false },
    runtimeState: { enabled: false, ui: false },
    externalModules: { autoInstall: false },
    functionExternalModules: false,
    contextStorage: { default: { module: "memory" } },
    logging: { console: { level: "info", metrics: false, audit: false } },
};
