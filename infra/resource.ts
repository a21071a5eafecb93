/**
 * What telemetry that leaves this process says of where it comes from: `service.name` (cognisync, or
 * OTEL_SERVICE_NAME), `service.version`, `service.instance.id`, and OTEL_RESOURCE_ATTRIBUTES.
 */
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';

export function resourceOf(version: string): Resource {
  const ours = resourceFromAttributes({ 'service.name': 'cognisync', 'service.version': version });
  // What the environment says comes last, and counts.
  const detectors = [serviceInstanceIdDetector, envDetector];
  return defaultResource().merge(ours).merge(detectResources({ detectors }));
}
