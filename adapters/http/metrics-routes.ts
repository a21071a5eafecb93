/**
 * GET /metrics: for Prometheus, in every phase of the node; what is not up yet is not among them. Nothing
 * in it names a tenant or an entity.
 */
import Type from 'typebox';
import type { Http } from './http.ts';
import { refuseOtherMethods } from './other-methods.ts';

export interface Exposition {
  readonly contentType: string;
  /** Bounded in time; whoever asks meanwhile shares it. */
  read(): Promise<string>;
}

export function metricsRoutes(app: Http, { contentType, read }: Exposition): void {
  const refuseTheRest = refuseOtherMethods(app);
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['health'],
        summary: 'Metrics in Prometheus’ text format',
        response: {
          200: {
            description: 'One line a series.',
            content: { 'text/plain': { schema: Type.String() } },
          },
        },
      },
      serializerCompiler: () => (text) => text,
    },
    async (_request, reply) => {
      reply.type(contentType);
      return read();
    },
  );
  refuseTheRest();
}
