/** What goes between the page and the worker. */
export {};
