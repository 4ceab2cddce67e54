import { Type } from 'class-transformer';
import { IsInt, IsString, Max, ValidateNested } from 'class-validator';

class Owner {
  @IsString()
  name!: string;
}

export class CreateCat {
  @IsString()
  name!: string;

  @IsInt()
  @Max(9)
  lives!: number;

  @ValidateNested()
  @Type(() => Owner)
  owner!: Owner;
}
