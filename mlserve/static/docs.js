/* The interactive description of the API: Swagger UI over the OpenAPI document that #api names. It runs in a shadow tree,
   so that its stylesheet and the page's leave each other alone. */
"use strict";

(() => {
  const place = document.getElementById("api");
  const root = place.attachShadow({ mode: "open" });
  for (const href of place.dataset.stylesheets.split(" ")) {
    root.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
  }

  // Swagger UI's stylesheet asks for its dark colours as `html.dark-mode .swagger-ui`.
  const scheme = document.createElement("html");
  const node = document.createElement("div");
  scheme.append(node);
  root.append(scheme);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => scheme.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();

  // Swagger UI's own layout is a whole page, with a title, a choice of servers and a second <main>.
  const part = ({ React: { createElement } }) => {
    const PagePart = ({ getComponent, specSelectors }) => {
      const state = specSelectors.loadingStatus();
      const names = state === "success" ? ["SvgAssets", "errors", "operations", "Models"] : ["errors"];
      const parts = names.map((name) => createElement(getComponent(name, true), { key: name }));
      return createElement("div", { className: "swagger-ui" }, state === "loading" ? "Loading …" : parts);
    };
    return { components: { PagePart } };
  };

  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: node,
    plugins: [part],
    layout: "PagePart",
    validatorUrl: null,
    queryConfigEnabled: false,
    docExpansion: place.dataset.expansion,
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    onComplete: () => {
      document.getElementById("operations").hidden = true;
    },
  });
})();
