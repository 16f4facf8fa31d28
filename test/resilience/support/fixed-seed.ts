import fc from "fast-check";

/*
 * Only for mutation runs: with a fixed seed a mutant is killed always or never, so that the
 * published score can be had again. Everyday runs keep their fresh seeds, which is how property
 * tests find what nobody thought of.
 */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261_123 });
