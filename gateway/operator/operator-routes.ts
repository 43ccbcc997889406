/**
 * What operators do over HTTP, for admins only: one file per noun beside this one.
 */
import type { OwnRoute } from '../own-route.js';
import { actorRoutes } from './actor-routes.js';
import { auditRoutes } from './audit-routes.js';
import { letterRoutes } from './letter-routes.js';
import type { OperatorParts } from './operator-parts.js';
import { reactionRoutes } from './reaction-routes.js';
import { sagaRoutes } from './saga-routes.js';
import { timerRoutes } from './timer-routes.js';

export function operatorRoutes(parts: OperatorParts): readonly OwnRoute[] {
  return [
    ...actorRoutes(parts),
    ...auditRoutes(parts),
    ...reactionRoutes(parts),
    ...sagaRoutes(parts),
    ...timerRoutes(parts),
    ...letterRoutes(parts),
  ];
}
